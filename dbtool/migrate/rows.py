"""Rows in the tables of a round trip: put in, and looked at again afterwards."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.catalog import Catalog, Table
from dbtool.migrate.statements import answer, execute
from dbtool.migrate.trip import Rows, Skipped
from dbtool.report import counted
from dbtool.sql.names import identifier, string_literal


class Filled(Protocol):
    """A statement that puts rows into a table, or why there is none."""

    @property
    def table(self) -> str:
        """The table as people name it."""

    @property
    def sql(self) -> str:
        """The statement; empty where there is none."""

    @property
    def skipped(self) -> str:
        """Why there is none."""


Fill = Callable[[Catalog, Collection[str]], Iterable[Filled]]
"""Makes rows for tables of a catalogue, parents first."""


@dataclass(frozen=True, slots=True)
class Held:
    """How many rows a table holds, and what stands for the values of each column."""

    rows: int
    columns: Mapping[str, str | None]


def put(connection: DBAPIConnection, fillings: Iterable[Filled]) -> Rows:
    """Run each statement; what a table refuses is noted, and undone alone."""
    filled, skipped = [], []
    for each in fillings:
        if not each.sql:
            skipped.append(Skipped(each.table, each.skipped))
            continue
        execute(connection, "SAVEPOINT dbtool_rows")
        try:
            execute(connection, each.sql)
            execute(connection, "SET CONSTRAINTS ALL IMMEDIATE")
        except Exception as error:  # each driver has its own
            execute(connection, "ROLLBACK TO SAVEPOINT dbtool_rows")
            skipped.append(Skipped(each.table, str(error).strip().partition("\n")[0]))
        else:
            filled.append(each.table)
    return Rows(tuple(filled), skipped=tuple(skipped))


def held(connection: DBAPIConnection, tables: Sequence[Table]) -> dict[str, Held]:
    """What the tables hold, in one statement."""
    if not tables:
        return {}
    parts = " UNION ALL ".join(map(_held, tables))
    said = answer(connection, f"SELECT pg_catalog.json_agg(said)::text FROM ({parts}) x (said)")
    return {name: Held(rows, columns) for name, rows, columns in json.loads(str(said[0]))}


def _held(table: Table) -> str:
    values = ", ".join(
        f"{string_literal(each.name)}, pg_catalog.md5(pg_catalog.string_agg({_text(each.name)}, ','"
        f" ORDER BY {_text(each.name)}))"
        for each in table.columns
    )
    return (
        f"SELECT pg_catalog.json_build_array({string_literal(name_of(table))}, count(*),"
        f" pg_catalog.json_build_object({values}))"
        f" FROM {identifier(table.schema)}.{identifier(table.name)}"
    )


def lost(before: Mapping[str, Held], after: Mapping[str, Held]) -> Iterator[str]:
    """Rows that are no more, and columns that hold other values."""
    for name, was in before.items():
        now, shown = after[name], name.removeprefix("public.")
        if now.rows != was.rows:
            yield f"{counted(was.rows - now.rows, 'row')} of {was.rows} in {shown}"
            continue
        for column, values in was.columns.items():
            if now.columns[column] != values:
                yield f"the values of {shown}.{column}"


def name_of(table: Table) -> str:
    """A table with its schema, as it is looked up."""
    return f"{table.schema}.{table.name}"


def _text(column: str) -> str:
    return f"{identifier(column)}::pg_catalog.text"
