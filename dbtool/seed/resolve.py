"""Find the rows that reference rows refer to, by the keys their files give."""

from collections.abc import Sequence
from typing import Any

from dbtool.database.connection import Connection
from dbtool.seed.asking import Asking, unnested
from dbtool.seed.document import near, refuse
from dbtool.seed.meaning import sql_name
from dbtool.seed.reference import Reference, Row
from dbtool.seed.sides import NEW, NOTHING, Side
from dbtool.sql.text import quoted


class Parents(Asking):
    """Resolves references; in a comparison, also those to rows that a run would write first."""

    def __init__(self, connection: Connection, sides: Sequence[Side], *, writes: bool) -> None:
        super().__init__(connection)
        self.sides = sides
        self.writes = writes

    async def resolve(self, side: Side) -> dict[int, dict[str, str | None]]:
        """The values of foreign keys, for each waiting row all of whose parents are there."""
        found: dict[int, dict[str, str | None]] = {id(row): {} for row in side.waiting}
        by_kind: dict[tuple[Any, ...], list[tuple[Row, Reference]]] = {}
        for row in side.waiting:
            for each in row.references:
                columns = tuple(name for name, _ in each.key)
                by_kind.setdefault((each.tie.columns, columns), []).append((row, each))
        for pairs in by_kind.values():
            for (row, each), keys in zip(pairs, await self._parents(pairs), strict=True):
                if keys is not None and id(row) in found:
                    found[id(row)].update(zip(each.tie.columns, keys, strict=True))
                else:
                    found.pop(id(row), None)
        return found

    async def _parents(
        self, pairs: Sequence[tuple[Row, Reference]]
    ) -> list[tuple[str, ...] | None]:
        """The referenced columns of each parent; None where it is not there yet."""
        first = pairs[0][1]
        parent = sql_name(first.tie.parent)
        types = await self._types(parent)
        names = [name for name, _ in first.key]
        arrays = [[dict(each.key)[name] for _, each in pairs] for name in names]
        match = " AND ".join(
            f"t.{quoted(name)} = u.c{at}::{types[name]}" for at, name in enumerate(names)
        )
        wanted = ", ".join(f"t.{quoted(name)}::text" for name in first.tie.targets)
        rows = await self.asked(
            f"SELECT u.n, ARRAY[{wanted}] AS keys FROM {unnested(len(names))} "
            f"JOIN {parent} t ON {match}",
            arrays,
            [(row, dict(each.key)) for row, each in pairs],
            types,
        )
        found: list[tuple[str, ...] | None] = [None] * len(pairs)
        for record in rows:
            at = record["n"] - 1
            if found[at] is not None:
                refuse(pairs[at][1].place, f"there are several rows of {pairs[at][1].shown}")
            found[at] = tuple(record["keys"])
        if not self.writes:
            # A run would write these first.
            found = [
                keys or self._coming(each) for keys, (_, each) in zip(found, pairs, strict=True)
            ]
        return found

    def _coming(self, reference: Reference) -> tuple[str, ...] | None:
        """In a comparison alone: a marker for a parent that a run would write first."""
        parent = reference.tie.parent
        side = next((each for each in self.sides if each.wanted.table is parent), None)
        wanted = dict(reference.key)
        rows = [] if side is None else side.wanted.rows
        is_there = any(
            all(row.values.get(name) == text for name, text in wanted.items()) for row in rows
        )
        return (NEW,) * len(reference.tie.targets) if is_there else None

    async def _types(self, table: str) -> dict[str, str]:
        rows = await self.connection.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute "
            "WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
            table,
        )
        return {row["attname"]: row["type"] for row in rows}

    async def refuse_unfound(self) -> None:
        """Say which row is referred to and is nowhere."""
        for side in self.sides:
            for row in side.waiting:
                for each in row.references:
                    (found,) = await self._parents([(row, each)])
                    if found is None and self._coming(each) is None:
                        near_names = await self._names(each)
                        hint = near(each.key[0][1], near_names)
                        refuse(each.place, f"no row of {each.shown}", hint, NOTHING)
        row = next(row for side in self.sides for row in side.waiting)
        refuse(row.place, "the rows refer to each other in a circle", detail=NOTHING)

    async def _names(self, reference: Reference) -> list[str]:
        column = quoted(reference.key[0][0])
        rows = await self.connection.fetch(
            f"SELECT {column}::text AS name FROM {sql_name(reference.tie.parent)} "
            f"WHERE {column} IS NOT NULL LIMIT 1000"
        )
        coming = [
            str(row.values[reference.key[0][0]])
            for side in self.sides
            for row in side.wanted.rows
            if side.wanted.table is reference.tie.parent and reference.key[0][0] in row.values
        ]
        return [*(row["name"] for row in rows), *coming]
