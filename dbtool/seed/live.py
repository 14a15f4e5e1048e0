"""What the live database says about the tables to fill: it is the law, models are the meaning."""

from collections.abc import Sequence
from dataclasses import dataclass

from dbtool import catalog
from dbtool.catalog import Catalog, Column, Constraint, Index, Name, Named, Reader, Table, View
from dbtool.database.connection import Connection
from dbtool.sql.text import quoted

KINDS = ("check", "exclusion", "foreign key", "primary key", "unique")
"""The kinds of constraints that limit which rows a table takes."""


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """One column; `type` is as the server prints it, `base` looks through a domain.

    `in_domain` is whether it has one to look through, `numeric` is precision and scale, and
    `sequence` the one that numbers it.
    """

    name: str
    type: str
    base: str
    element: str | None
    max_length: int | None
    numeric: tuple[int, int] | None
    nullable: bool
    identity: bool
    generated: bool
    default: str | None
    sequence: str | None
    labels: tuple[str, ...]
    in_domain: bool = False


@dataclass(frozen=True, slots=True)
class LiveConstraint:
    """One constraint, of the table or of a column's domain, or unique index.

    `predicate` and `expressions` are those of an index that is not a constraint.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    target: str | None = None
    target_columns: tuple[str, ...] = ()
    deferrable: bool = False
    cascades: bool = False
    predicate: str | None = None
    expressions: tuple[str, ...] = ()

    @property
    def is_strict(self) -> bool:
        """Whether two NULLs count as equal."""
        return "NULLS NOT DISTINCT" in self.definition


@dataclass(frozen=True, slots=True)
class LiveTable:
    """One table as it stands; `shown` is how it is named where the search path finds it."""

    name: str
    schema: str
    bare_name: str
    sql_name: str
    shown: str
    is_table: bool
    privileges: tuple[str, ...]
    columns: tuple[LiveColumn, ...]
    constraints: tuple[LiveConstraint, ...]
    triggers: tuple[str, ...]
    is_partitioned: bool = False

    def of_kind(self, *kinds: str) -> tuple[LiveConstraint, ...]:
        """The constraints of these kinds."""
        return tuple(each for each in self.constraints if each.kind in kinds)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return next((each.columns for each in self.of_kind("primary key")), ())

    @property
    def own(self) -> str:
        """Its own rows as SQL text, without those of tables that inherit from it."""
        return f"ONLY {self.name}" if self.is_table and not self.is_partitioned else self.name

    def column(self, name: str) -> LiveColumn:
        """The column of that name."""
        return next(each for each in self.columns if each.name == name)


@dataclass(frozen=True, slots=True)
class Live:
    """The tables that were asked for, those that are not there, and who is looking."""

    tables: tuple[LiveTable, ...]
    missing: tuple[str, ...]
    reader: Reader


async def read(connection: Connection, names: Sequence[str]) -> Live:
    """Ask about tables by their quoted names, in one statement."""
    found = await catalog.read(connection, tables=names)
    relations: tuple[Table | View, ...] = (*found.tables, *found.views)
    by_name = {Name(each.schema, each.name): each for each in relations}
    adapter = Adapter(found)
    tables = [
        adapter.table(by_name[each.found], each)
        for each in sorted(found.named, key=lambda named: named.asked)
        if each.found
    ]
    missing = tuple(each.asked for each in found.named if each.found is None)
    return Live(tuple(tables), missing, found.reader)


class Adapter:
    """Puts what the catalogue says into the shape rows are planned from."""

    def __init__(self, found: Catalog) -> None:
        self._path = found.reader.search_path
        self._domains = {Name(each.schema, each.name): each for each in found.domains}
        self._sequences = {
            (owner.schema, owner.table, owner.column): sequence
            for sequence in found.sequences
            if (owner := sequence.owned_by)
        }

    def table(self, found: Table | View, named: Named) -> LiveTable:
        """One table or view, with what limits its rows."""
        constraints: list[LiveConstraint] = []
        if isinstance(found, Table):
            stated = [each for each in found.constraints if not each.derived]
            constraints += [_stated(each) for each in stated if each.kind in KINDS]
        for column in found.columns:
            constraints += self._of_domain(column)
        constraints += [
            _unique(each) for each in found.indexes if each.unique and each.constraint is None
        ]
        return LiveTable(
            name=identifier(found.schema, found.name),
            schema=found.schema,
            bare_name=found.name,
            sql_name=named.asked,
            shown=named.shown or found.name,
            is_table=found.kind in ("table", "partitioned table"),
            privileges=found.privileges,
            columns=tuple(self._column(found, each) for each in found.columns),
            constraints=tuple(sorted(constraints, key=lambda each: (each.kind, each.name))),
            triggers=tuple(
                each.name
                for each in found.triggers
                if "insert" in each.events and each.enabled != "disabled"
            ),
            is_partitioned=found.kind == "partitioned table",
        )

    def _column(self, table: Table | View, found: Column) -> LiveColumn:
        base = found.base
        domain = self._domains.get(found.domain) if found.domain else None
        sequence = self._sequences.get((table.schema, table.name, found.name))
        numeric = None
        if base.precision is not None and base.scale is not None:
            numeric = (base.precision, max(base.scale, 0))
        return LiveColumn(
            name=found.name,
            type=self._shown_type(found),
            base=base.name,
            element=base.element,
            max_length=base.length,
            numeric=numeric,
            nullable=not (found.not_null or (domain is not None and domain.not_null)),
            identity=bool(found.identity),
            generated=bool(found.generated),
            default=found.default,
            sequence=identifier(sequence.schema, sequence.name) if sequence else None,
            labels=base.labels,
            in_domain=found.domain is not None,
        )

    def _shown_type(self, column: Column) -> str:
        """The type without a schema that the search path makes needless."""
        for schema in self._path:
            column_type = column.type.removeprefix(f"{quoted(schema)}.")
            if column_type != column.type:
                return column_type
        return column.type

    def _of_domain(self, column: Column) -> list[LiveConstraint]:
        domain = self._domains.get(column.domain) if column.domain else None
        name = quoted(column.name)
        return [
            LiveConstraint(
                each.name, "check", (column.name,), each.definition.replace("VALUE", name)
            )
            for each in (domain.constraints if domain else ())
        ]


def _stated(found: Constraint) -> LiveConstraint:
    target = found.references
    return LiveConstraint(
        name=found.name,
        kind=found.kind,
        columns=found.columns,
        definition=found.definition,
        target=identifier(target.schema, target.name) if target else None,
        target_columns=found.referenced_columns,
        deferrable=found.deferrable,
        cascades=found.on_delete == "cascade",
    )


def _unique(found: Index) -> LiveConstraint:
    """A unique index as the constraint it is; where it has expressions, on all they read."""
    plain = all(key.is_column for key in found.keys)
    own = {key.expression for key in found.keys}.union(found.include)
    columns = tuple(sorted(own)) if plain else found.reads
    expressions = tuple(quoted(k.expression) if k.is_column else k.expression for k in found.keys)
    return LiveConstraint(
        found.name,
        "unique",
        columns,
        found.definition,
        predicate=found.predicate,
        expressions=expressions,
    )


async def filled(connection: Connection, tables: Sequence[LiveTable]) -> frozenset[str]:
    """The names of those tables that already hold rows."""
    if not tables:
        return frozenset()
    tests = ", ".join(f"EXISTS (SELECT FROM {table.name})" for table in tables)
    answers = await connection.fetchrow(f"SELECT {tests}")
    return frozenset(table.name for table, full in zip(tables, answers, strict=True) if full)


async def next_index(connection: Connection, table: LiveTable) -> int:
    """The first row index no row of a filled table can have been made from."""
    key = table.primary_key
    serial = len(key) == 1 and table.column(key[0]).base in ("int2", "int4", "int8")
    top = f"coalesce(max({quoted(key[0])}), 0)" if serial else "0"
    return int(await connection.fetchval(f"SELECT greatest(count(*), {top}) FROM {table.name}"))


@dataclass(frozen=True, slots=True)
class Beside:
    """Columns that are read beside others, and the rows to find by their values in any case."""

    columns: tuple[str, ...] = ()
    wanted: tuple[tuple[str, ...], ...] = ()


async def keys(
    connection: Connection, table: LiveTable, columns: Sequence[str], limit: int, beside: Beside
) -> dict[str, tuple[str | None, ...]]:
    """The values of some columns in the first rows of a table that have them all, as text.

    Those `beside` them may be NULL; rows that are wanted by those come in place of the last.
    """
    names = list(dict.fromkeys((*columns, *beside.columns)))
    chosen = ", ".join(f"t.{quoted(name)}::text" for name in names)
    by = ", ".join(f"t.{quoted(name)}" for name in table.primary_key or columns)
    known = " AND ".join(f"t.{quoted(name)} IS NOT NULL" for name in columns)
    asked = f"SELECT {chosen} FROM {table.own} AS t"
    rows = [
        tuple(row)
        for row in await connection.fetch(f"{asked} WHERE {known} ORDER BY {by} LIMIT {limit}")
    ]
    places = [names.index(name) for name in beside.columns]
    there = {tuple(row[place] for place in places) for row in rows}
    if len(rows) == limit and (behind := [key for key in beside.wanted if key not in there]):
        kinds = [table.column(name).type for name in beside.columns]
        texts = ", ".join(f"${at}::text[]" for at in range(1, len(kinds) + 1))
        same = " AND ".join(
            f"t.{quoted(name)} = k.c{at}::{kind}"
            for at, (name, kind) in enumerate(zip(beside.columns, kinds, strict=True))
        )
        listed = ", ".join(f"c{at}" for at in range(len(kinds)))
        found = await connection.fetch(
            f"{asked} JOIN unnest({texts}) AS k({listed}) ON {same} WHERE {known} ORDER BY {by}",
            *map(list, zip(*behind, strict=True)),
        )
        keys_of = [tuple(row[place] for place in places) for row in rows]
        spare = [at for at, key in enumerate(keys_of) if key not in beside.wanted]
        gone = {*spare[max(len(spare) - len(found), 0) :]}
        rows = [*(row for at, row in enumerate(rows) if at not in gone), *map(tuple, found)]
    return {name: tuple(row[place] for row in rows) for place, name in enumerate(names)}


def identifier(schema: str, name: str) -> str:
    """A qualified name as SQL text."""
    return f"{quoted(schema)}.{quoted(name)}"
