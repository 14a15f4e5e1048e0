"""The way back of each change: the same comparison with the two sides exchanged."""

import re
import warnings
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, event
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from dbtool.catalog import Catalog, Table
from dbtool.migrate.diff.build import Built
from dbtool.migrate.diff.code import Code
from dbtool.migrate.diff.compare import compare
from dbtool.migrate.difference import Difference
from dbtool.sql.names import identifier

_ON = re.compile(r"(.+?) (?:is|has) ", re.DOTALL)
_FLIPPED = {"missing": "extra", "extra": "missing"}
_HALVES = ("before", "behind")
Place = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """What takes the changes back, in the order in which it has to run, and for which of them."""

    pieces: tuple[Difference, ...]
    of: dict[Place, str]

    def code(self, difference: Difference) -> str:
        """What takes one change back; empty where nothing does.

        A foreign key that came behind its new table goes with that.
        """
        found = self.of.get(place(difference), "")
        if found or difference.kind != "missing-foreignkey":
            return found
        return self.of.get(("missing", "table", "", table_of(difference)), "")


def undone(
    context: MigrationContext, built: Built, live: Catalog, differences: Iterable[Difference]
) -> Undone:
    """Compare the models with the database as if the database were right.

    What env.py leaves out is left out already: only what was found is taken back.
    """
    made = [*differences]
    wanted = {place(each) for each in made}
    back = _configured(context, _reflected(context, built, live))
    found = compare(back, Built(live, (), frozenset(), ""), built.catalog)
    # Of tables that refer to each other, the way back may part another key than the way up.
    whole = {each.name for each in made if each.kind in ("missing-table", "extra-table")}
    pieces = [
        each
        for each in found.differences
        if place(each, back=True) in wanted or table_of(each) in whole
    ]
    pieces += (_without_schema(context, each) for each in made if each.kind == "missing-schema")
    of: dict[Place, str] = {}
    for each in pieces:
        key = place(each, back=True)
        of[key] = "\n".join(filter(None, (of.get(key), each.operation)))
    return Undone(tuple(pieces), of)


def _without_schema(context: MigrationContext, difference: Difference) -> Difference:
    """No comparison tells of schemas that are too many: others may live there."""
    done = Code(context).execute(f"DROP SCHEMA {identifier(difference.name)}")
    return replace(difference, kind="extra-schema", operation=done)


def place(difference: Difference, *, back: bool = False) -> Place:
    """What a difference is about, named alike in both directions."""
    side, _, what = difference.kind.partition("-")
    side = "different" if side in _HALVES else _FLIPPED.get(side, side) if back else side
    table = table_of(difference)
    if side == "renamed":
        return what, table, frozenset((difference.models, difference.database))
    if what in ("label", "enum") and difference.models and difference.database:
        enum = difference.name.rpartition(".")[0] if what == "label" else difference.name
        return "enum", enum
    return side, what, table, difference.name


def table_of(difference: Difference) -> str:
    """The table that a part belongs to; either may have blanks in its name."""
    _, _, behind = f" {difference.text}".partition(f" {difference.name} on ")
    on = _ON.match(behind)
    return on[1] if on else ""


def _configured(context: MigrationContext, metadata: MetaData) -> MigrationContext:
    """The context with other models, and nothing left out."""
    back = copy(context)
    back.opts = {
        **context.opts,
        "target_metadata": metadata,
        "include_schemas": True,
        "include_object": None,
        "include_name": None,
    }
    back._user_compare_type = True
    back._user_compare_server_default = None
    return back


def _reflected(context: MigrationContext, built: Built, live: Catalog) -> MetaData:
    """The tables of the database that are not as the models have them, as SQLAlchemy sees them."""
    default = context.dialect.default_schema_name or "public"
    names: dict[str, list[str]] = {}
    for each in _different(built.catalog, live):
        if each.kind != "foreign table" and (each.schema, each.name) != _versions(context):
            names.setdefault(each.schema, []).append(each.name)
    metadata = MetaData()
    # As Alembic reads defaults: that of a serial column belongs to its sequence.
    impl: Any = context.impl
    event.listen(metadata, "column_reflect", impl.autogen_column_reflect)
    for schema, tables in names.items():
        _reflect(context, metadata, None if schema == default else schema, tables)
    for each in live.tables:
        name = each.name if each.schema == default else f"{each.schema}.{each.name}"
        if each.partition_key and (table := metadata.tables.get(name)) is not None:
            table.kwargs["postgresql_partition_by"] = each.partition_key
    return metadata


def _different(models: Catalog, live: Catalog) -> Iterator[Table]:
    """The tables that differ, or whose enumerations or sequences do."""
    built = {(each.schema, each.name): each for each in models.tables}
    sequences = {each.owned_by: each for each in models.sequences}
    owners = {
        (each.owned_by.schema, each.owned_by.table)
        for each in live.sequences
        if each.owned_by is not None and sequences.get(each.owned_by) != each
    }
    for each in live.tables:
        key = each.schema, each.name
        other = built.get(key)
        if other != each or key in owners or _labels(other) != _labels(each):
            yield each


def _labels(table: Table) -> list[tuple[str, ...]]:
    return [each.base.labels for each in table.columns]


def _versions(context: MigrationContext) -> tuple[str, str]:
    default = context.dialect.default_schema_name or "public"
    return context.version_table_schema or default, context.version_table


def _reflect(
    context: MigrationContext, metadata: MetaData, schema: str | None, tables: list[str]
) -> None:
    """A table SQLAlchemy cannot read is left out: its change is then told to have no way back."""
    assert context.connection is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        try:
            metadata.reflect(context.connection, schema=schema, only=tables)
        except SQLAlchemyError:
            for name in tables:
                _reflect_one(context, metadata, schema, name)


def _reflect_one(
    context: MigrationContext, metadata: MetaData, schema: str | None, name: str
) -> None:
    assert context.connection is not None
    try:
        metadata.reflect(context.connection, schema=schema, only=[name])
    except SQLAlchemyError:
        return
