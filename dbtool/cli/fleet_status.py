"""`dbtool status` over many databases or schemas."""

from dataclasses import replace
from typing import TYPE_CHECKING

from dbtool.cli.command import Call
from dbtool.cli.fleet import Every, Order, Wish, items_of

if TYPE_CHECKING:
    from dbtool.migrate.project import Project
    from dbtool.report import Report


def status_fleet(call: Call, project: "Project", wish: Wish, *, check_heads: bool) -> "Report":
    """Look at every target, whatever becomes of one of them."""
    from dbtool.migrate.fleet import view_status, way

    items = items_of(call, wish)
    way.check(project, items, wish.search_path)
    call.runs_long()
    order = Order("heads", None, plan_only=True, show_sql=False, yes=False, verb="status")
    every = Every(call, project, replace(wish, keep_going=True), order)
    fleet = every.look(items, every.told)
    return every.ended(fleet, view_status.status(fleet, call.command, check_heads=check_heads))
