"""What is left to Alembic: tables scratch could not build, and what plugins compare."""

import sys
from collections.abc import Callable, Collection
from typing import Any

from alembic.autogenerate import RevisionContext
from alembic.runtime.migration import MigrationContext

_PLUGINS = ("alembic_utils",)
"""Libraries that compare what no model describes: functions, views, triggers."""

_ENUMS = "alembic_postgresql_enum"
"""A library that compares what is compared here too."""


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
