"""What Alembic's comparison leaves out: compared with the catalogue where that decides it.

Labels of enumerations, lengths of character columns and the existence of named CHECKs can be
told from the catalogue. Expressions cannot: the server rewrites them, so that the same text
may look different and different text may mean the same. Those are listed, not guessed.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Computed,
    Enum,
    Identity,
    MetaData,
    String,
    Table,
    types,
)
from sqlalchemy.sql import ClauseElement

from dbtool import catalog as cat
from dbtool.catalog import Catalog
from dbtool.migrate.difference import Difference, Uncompared

_PLUGIN = "alembic_postgresql_enum"


@dataclass(slots=True)
class Unseen:
    """What was found beyond Alembic's comparison, and what is left."""

    differences: list[Difference] = field(default_factory=list)
    uncompared: list[Uncompared] = field(default_factory=list)


def look(contexts: Iterable[MigrationContext], catalog: Catalog) -> Unseen:
    """Compare the tables Alembic compares, as env.py filters them, with the catalogue."""
    unseen = Unseen()
    for context in contexts:
        pairs = list(_pairs(context, catalog))
        unseen.differences += _enums(context, pairs, catalog)
        for table, live in pairs:
            unseen.differences += _lengths(table, live)
            unseen.differences += _checks(context, table, live)
        unseen.uncompared += _left(context, [table for table, _ in pairs])
    return unseen


Pair = tuple[Table, cat.Table]


def _pairs(context: MigrationContext, catalog: Catalog) -> Iterator[Pair]:
    """Each table of the models that Alembic compares and the database has."""
    filters = AutogenContext(context, autogenerate=False)
    default = context.dialect.default_schema_name or "public"
    for metadata in _metadatas(context):
        for table in metadata.sorted_tables:
            live = catalog.table(table.name, table.schema or default)
            if live is not None and _is_compared(filters, context, table):
                yield table, live


def _metadatas(context: MigrationContext) -> list[MetaData]:
    given = context.opts.get("target_metadata")
    return list(given) if isinstance(given, list | tuple) else [given] if given else []


def _is_compared(filters: AutogenContext, context: MigrationContext, table: Table) -> bool:
    if table.schema and not context.opts.get("include_schemas"):
        return False
    parents = {"schema_name": table.schema, "table_name": table.name}
    parents["schema_qualified_table_name"] = table.fullname
    named = filters.run_name_filters(table.name, "table", parents)  # type: ignore[arg-type]
    return named and filters.run_object_filters(table, table.name, "table", False, None)


def _enums(
    context: MigrationContext, pairs: Iterable[Pair], catalog: Catalog
) -> Iterator[Difference]:
    """The labels of each native enumeration the compared tables use."""
    if _PLUGIN in sys.modules:
        return
    default = context.dialect.default_schema_name or "public"
    live = {(each.schema, each.name): each for each in catalog.enums}
    seen = set()
    for table, _ in pairs:
        for column in table.columns:
            enum = _enum_of(column)
            if enum is None or enum.name is None or (enum.schema, enum.name) in seen:
                continue
            seen.add((enum.schema, enum.name))
            found = live.get((enum.schema or table.schema or default, enum.name))
            found = found or live.get((default, enum.name))
            if found is not None:
                yield from _labels(enum.name, tuple(enum.enums), found.labels)


def _enum_of(column: "Column[object]") -> Enum | None:
    kind: object = column.type
    while isinstance(kind, ARRAY | types.TypeDecorator):
        kind = kind.item_type if isinstance(kind, ARRAY) else kind.impl
    return kind if isinstance(kind, Enum) and kind.native_enum else None


def _labels(name: str, models: tuple[str, ...], live: tuple[str, ...]) -> Iterator[Difference]:
    for number, label in enumerate(models):
        if label not in live:
            text = f'enum {name} has "{label}" in the models, not in the database'
            yield Difference("missing-label", f"{name}.{label}", text, _add(name, models, number))
    for label in live:
        if label not in models:
            text = f'enum {name} has "{label}" in the database, not in the models'
            yield Difference("extra-label", f"{name}.{label}", text, "")
    common = [each for each in models if each in live]
    ordered = [each for each in live if each in models]
    if common != ordered:
        text = (
            f"enum {name} sorts {', '.join(ordered)} in the database,"
            f" {', '.join(common)} in the models"
        )
        yield Difference("different-enum", name, text, "")


def _add(name: str, labels: tuple[str, ...], number: int) -> str:
    """A label cannot be used in the transaction that adds it, so it is added outside of one."""
    place = f" AFTER {_literal(labels[number - 1])}" if number else ""
    if not number and len(labels) > 1:
        place = f" BEFORE {_literal(labels[1])}"
    return (
        "with op.get_context().autocommit_block():\n"
        f'    op.execute("ALTER TYPE {name} ADD VALUE IF NOT EXISTS'
        f' {_literal(labels[number])}{place}")'
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _lengths(table: Table, live: cat.Table) -> Iterator[Difference]:
    """A limit on one side alone; two different limits are seen by Alembic."""
    columns = {each.name: each for each in live.columns}
    for column in table.columns:
        found = columns.get(column.name)
        kind = column.type
        if found is None or found.base.name != "varchar" or type(kind) is not String:
            continue
        if (kind.length is None) != (found.base.length is None):
            text = (
                f"column {table.fullname}.{column.name}: its type is {_limit(found.base.length)}"
                f" in the database, {_limit(kind.length)} in the models"
            )
            yield Difference("different-column", f"{table.fullname}.{column.name}", text, "")


def _limit(length: int | None) -> str:
    return "VARCHAR without a limit" if length is None else f"VARCHAR({length})"


def _checks(context: MigrationContext, table: Table, live: cat.Table) -> Iterator[Difference]:
    """Named CHECKs that one side alone has."""
    modelled = dict(_named_checks(context, table))
    existing = {each.name: each for each in live.constraints if each.kind == "check"}
    for name, text in modelled.items():
        if name not in existing:
            yield Difference(
                "missing-check",
                name,
                f"check constraint {name} on {table.fullname} is in the models, not in the"
                " database",
                f"op.create_check_constraint({name!r}, {table.name!r}, {text!r})",
            )
    for name, found in existing.items():
        if name not in modelled and not found.inherited and not _belongs_to_type(table, name):
            yield Difference(
                "extra-check",
                name,
                f"check constraint {name} on {table.fullname} is in the database, not in the"
                " models",
                f"op.drop_constraint({name!r}, {table.name!r})",
            )


def _named_checks(context: MigrationContext, table: Table) -> Iterator[tuple[str, str]]:
    preparer = context.dialect.identifier_preparer
    for constraint in table.constraints:
        if not isinstance(constraint, CheckConstraint) or getattr(constraint, "_type_bound", False):
            continue
        if isinstance(constraint.name, str):
            name = preparer.format_constraint(constraint) or constraint.name
            yield name.strip('"'), str(constraint.sqltext)


def _belongs_to_type(table: Table, name: str) -> bool:
    """A Boolean or a non-native Enum may make a CHECK of its own; unnamed ones get any name."""
    unnamed = any(
        isinstance(each, CheckConstraint) and not isinstance(each.name, str)
        for each in table.constraints
    )
    bound = any(getattr(each, "_type_bound", False) for each in table.constraints)
    return unnamed or bound or name.endswith("_not_null")


def _left(context: MigrationContext, tables: list[Table]) -> Iterator[Uncompared]:
    """What the models say that neither Alembic nor the catalogue can be held against."""
    columns = [column for table in tables for column in table.columns]
    indexes = [index for table in tables for index in table.indexes]
    checks = sum(1 for table in tables for _ in _named_checks(context, table))
    defaults = sum(map(_has_default, columns))
    computed = sum(each.computed is not None for each in columns)
    partial = sum(_is_special(each.dialect_kwargs) for each in indexes)
    if defaults and not context.opts.get("compare_server_default"):
        yield Uncompared(
            f"server defaults of {_many(defaults, 'column')}: env.py does not ask for it",
            "compare_server_default=True in context.configure()",
        )
    if checks:
        yield Uncompared(
            f"expressions of {_many(checks, 'CHECK constraint')}; only that they exist",
            "a look at pg_get_constraintdef for each",
        )
    if partial:
        yield Uncompared(
            f"predicate, method or options of {_many(partial, 'index', 'indexes')}",
            "a look at pg_get_indexdef for each",
        )
    if computed:
        yield Uncompared(
            f"expressions of {_many(computed, 'generated column')}",
            "a look at pg_get_expr for each",
        )


def _has_default(column: "Column[object]") -> bool:
    return column.server_default is not None and not isinstance(
        column.server_default, Computed | Identity
    )


def _is_special(options: Mapping[str, object]) -> bool:
    """Whether an index has more than columns; a predicate is no truth value to Python."""
    given = [options.get(f"postgresql_{key}") for key in ("where", "using", "include", "ops")]
    return any(each is not None and (isinstance(each, ClauseElement) or each) for each in given)


def _many(number: int, noun: str, nouns: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"
