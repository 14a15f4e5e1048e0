"""`dbtool downgrade` over many databases or schemas: what is lost, and who agrees to it."""

from typing import TYPE_CHECKING

from dbtool.cli.command import Call
from dbtool.cli.fleet import Every, Order, Wish, are_development, items_of, refuse_steps
from dbtool.errors import UsageError
from dbtool.report import counted, listed

if TYPE_CHECKING:
    from dbtool.migrate.fleet.outcome import Fleet
    from dbtool.migrate.fleet.targets import Item
    from dbtool.migrate.project import Project
    from dbtool.report import Report

_LISTED = 5


def downgrade_fleet(call: Call, project: "Project", wish: Wish, order: Order) -> "Report":
    """Take every target back; all are looked at before the first is changed."""
    from dbtool.migrate.fleet import view, way

    refuse_steps(order)
    items = items_of(call, wish)
    way.check(project, items, wish.search_path)
    call.runs_long()
    every = Every(call, project, wish, order)
    looked = every.look(items, every.told if order.plan_only else lambda _: None)
    stays = not looked.changed or (looked.failed and not wish.keep_going)
    if order.plan_only or stays:
        if not order.plan_only:
            every.tell_all(looked.outcomes)
        return every.ended(looked, view.summary(looked, call.command))
    _agree(call, order, items, looked)
    return every.agreed(items, looked)


def _agree(call: Call, order: Order, items: "tuple[Item, ...]", looked: "Fleet") -> None:
    """A yes for development, else the name of every database."""
    from dbtool.migrate.fleet import view

    names = tuple(dict.fromkeys(each.target.database for each in items))
    question = f"Downgrade {counted(len(looked.changed), 'target')}?"
    if order.confirm_database is not None:
        return confirm(order.confirm_database, names)
    if are_development(call, items) and order.yes:
        return None
    for each in looked.changed[:_LISTED]:
        call.progress.step(f"  {view.line(each, order.verb)}")
        for text in each.losses:
            call.progress.step(f"    {text}")
    if (more := len(looked.changed) - _LISTED) > 0:
        call.progress.step(f"  and {more:,} more: --plan shows what they lose")
    if are_development(call, items):
        agreed = call.ask.confirm(question)
    else:
        name = names[0] if len(names) == 1 else f"{len(names)} databases"
        agreed = call.ask.type_name(f'{question} Type "{name}"', name)
    if not agreed:
        raise UsageError("not confirmed; nothing was done")
    return None


def confirm(confirmed: str, names: tuple[str, ...]) -> None:
    """All of them, and nothing else."""
    given = {each.strip() for each in confirmed.split(",")}
    if missing := [each for each in names if each not in given]:
        raise UsageError(
            f"--confirm-database leaves out {listed(missing)}",
            detail="Nothing was done.",
            hint="Name every database of the fleet: NAME,NAME.",
        )
