"""What is left to Alembic: tables scratch could not build, and what plugins compare."""

import sys
from collections.abc import Callable, Collection
from traceback import walk_tb
from typing import Any

from alembic.autogenerate import RevisionContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from dbtool.migrate.compare import compare
from dbtool.migrate.difference import Uncompared
from dbtool.migrate.servererror import server_error

_PLUGINS = ("alembic_utils",)
"""Libraries that compare what no model describes: functions, views, triggers."""

_ENUMS = "alembic_postgresql_enum"
"""A library that compares what is compared here too."""


_SHOWN = 60
_ABSENT = frozenset({"42P01", "42703", "42704", "42883", "3F000"})
"""The server's codes for a table, column, type, function or schema that is not there."""


def compares_more() -> bool:
    """Whether env.py has taken in a library with comparisons of its own."""
    return any(name in sys.modules for name in _PLUGINS)


def only(context: MigrationContext, tables: Collection[str]) -> None:
    """Narrow Alembic's comparison to tables, named with their schemas."""
    default = context.dialect.default_schema_name or "public"
    wanted: Callable[..., bool] | None = context.opts.get("include_object")

    def include(item: Any, name: Any, kind: str, reflected: bool, other: Any) -> bool:
        if kind == "table" and f"{item.schema or default}.{item.name}" not in tables:
            return False
        return wanted is None or wanted(item, name, kind, reflected, other)

    context.opts["include_object"] = include


def without_enums(comparison: RevisionContext) -> None:
    """Leave out what a library says of enumerations, which the server's own words have said."""
    for revision in comparison.generated_revisions:
        for found in revision.upgrade_ops_list:
            found.ops = [each for each in found.ops if not type(each).__module__.startswith(_ENUMS)]


def compare_all(
    comparison: RevisionContext, at: tuple[str, ...], context: MigrationContext
) -> Uncompared | None:
    """Compare as Alembic does; what a library could not compare is returned.

    It creates each of its objects to see how the server prints them, and takes that back. One
    that stands on what only a revision will create cannot be created yet: Alembic ends there.
    """
    try:
        compare(comparison, at, context)
    except DBAPIError as error:
        if (untried := _untried(error)) is None:
            raise
        return untried
    return None


def _untried(error: DBAPIError) -> Uncompared | None:
    server = server_error(error)
    modules = (str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__))
    if server is None or server.sqlstate not in _ABSENT:
        return None
    if not any(each.partition(".")[0] in _PLUGINS for each in modules):
        return None
    statement = " ".join(server.statement.split())
    shown = f"{statement[:_SHOWN]}…" if len(statement) > _SHOWN else statement
    return Uncompared(
        f"what alembic_utils keeps, which it tries out first: {server.message} ({shown})",
        "a second run, once a revision has created that",
    )
