"""Tables with reference rows: the database beside the files, parents first."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dbtool.database.connection import Connection
from dbtool.errors import OperationError
from dbtool.seed import live
from dbtool.seed.live import LiveTable
from dbtool.seed.meaning import sql_name
from dbtool.seed.order import Edge, sort
from dbtool.seed.reference import ReferenceTable, Row
from dbtool.sql.text import quoted

NEW = "(a new row)"
"""In a comparison: the key of a row that a run would write first."""

NOTHING = "Nothing was written."


@dataclass(frozen=True, slots=True)
class Change:
    """One row that is written: its key, and each column before and after."""

    table: str
    kind: str
    key: str
    columns: tuple[tuple[str, str | None, str | None], ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """One table after its rows were compared: `other` rows are not in the file."""

    table: str
    key: tuple[str, ...]
    file: str
    unchanged: int
    inserted: int
    updated: int
    deleted: int
    other: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What was, or would be, written."""

    tables: tuple[Kept, ...]
    changes: tuple[Change, ...]


@dataclass(slots=True)
class Side:
    """A table of the database beside its rows in the file, as far as they are compared."""

    wanted: ReferenceTable
    live: LiveTable
    waiting: list[Row]
    seen: dict[tuple[str, ...], Row] = field(default_factory=dict)
    unchanged: int = 0
    other: int = 0

    @property
    def types(self) -> dict[str, str]:
        """The type of each column, as the server prints it."""
        return {column.name: column.type for column in self.live.columns}


async def sides(
    connection: Connection, tables: Sequence[ReferenceTable], *, prune: bool
) -> list[Side]:
    """The tables as they stand, parents first; raises where they cannot take the rows."""
    by_name = {sql_name(each.table): each for each in tables}
    seen = await live.read(connection, list(by_name))
    if seen.missing:
        missing = ", ".join(name.replace('"', "") for name in seen.missing)
        raise OperationError(
            f"no table {missing} in the database",
            detail=f"{by_name[seen.missing[0]].file} has rows for it. {NOTHING}",
            hint="Run dbtool upgrade first.",
        )
    found = {
        table.name: Side(by_name[table.sql_name], table, list(by_name[table.sql_name].rows))
        for table in seen.tables
    }
    for side in found.values():
        _refuse_side(side, seen.reader.user, prune)
    edges = [
        Edge(key.name, table.name, key.target or "", nullable=True)
        for table in seen.tables
        for key in table.of_kind("foreign key")
    ]
    return [found[name] for name in sort(sorted(found), edges).tables]


def _refuse_side(side: Side, user: str, prune: bool) -> None:
    known = side.types
    for row in side.wanted.rows:
        for name in row.columns:
            if name not in known:
                raise OperationError(
                    f"{row.place}: {side.live.shown} has no column {name} in the database",
                    detail=f"The models have it. {NOTHING}",
                    hint="Run dbtool upgrade first.",
                )
    needed = ("SELECT", "INSERT", "UPDATE", *(("DELETE",) if prune else ()))
    if lacking := [each for each in needed if each.lower() not in side.live.privileges]:
        rights = ", ".join(lacking)
        raise OperationError(
            f'"{user}" may not write reference rows to {side.live.shown}',
            detail=f"The role needs {rights}. {NOTHING}",
            hint=f"As the owner: GRANT {rights} ON {side.live.name} TO {quoted(user)};",
        )
