"""Bring reference rows into a database: what differs and nothing else, in one transaction."""

from collections.abc import Sequence
from typing import Any

from dbtool.database.connection import Connection
from dbtool.metadata import Models
from dbtool.seed.asking import Asking, cast, unnested
from dbtool.seed.document import refuse
from dbtool.seed.pruning import Pruner
from dbtool.seed.reference import Row
from dbtool.seed.resolve import Parents
from dbtool.seed.sides import NEW, NOTHING, Change, Compared, Kept, Side
from dbtool.seed.writing import Writer
from dbtool.sql.text import quoted


class Upsert(Asking):
    """Compares rows with the database, and writes what differs where `writes`."""

    def __init__(
        self, connection: Connection, models: Models, tables: Sequence[Side], *, writes: bool
    ) -> None:
        super().__init__(connection)
        self.sides = tables
        self.writes = writes
        self.changes: list[Change] = []
        self._parents = Parents(connection, tables, writes=writes)
        self._writer = Writer(connection, models)

    async def run(self, *, prune: bool) -> Compared:
        """Rows in waves: those whose parents are there, then those that refer to them."""
        while any(side.waiting for side in self.sides):
            moved = False
            for side in self.sides:
                moved = await self._wave(side) or moved
            if not moved:
                await self._parents.refuse_unfound()
        inserted = {each.table for each in self.changes if each.kind == "insert"}
        for side in self.sides:
            if self.writes and side.live.shown in inserted:
                await self._writer.number(side)
        pruner = Pruner(self.connection, self.sides, writes=self.writes)
        for side in reversed(self.sides):
            await pruner.others(side, prune)
        self.changes += pruner.deleted
        return Compared(tuple(map(self._kept, self.sides)), tuple(self.changes))

    def _kept(self, side: Side) -> Kept:
        kinds = [each.kind for each in self.changes if each.table == side.live.shown]
        counts = (kinds.count("insert"), kinds.count("update"), kinds.count("delete"))
        wanted = side.wanted
        return Kept(side.live.shown, wanted.key, wanted.file, side.unchanged, *counts, side.other)

    async def _wave(self, side: Side) -> bool:
        """Compare the rows of a table whose parents are known; whether there were any."""
        found = await self._parents.resolve(side)
        ready = [row for row in side.waiting if id(row) in found]
        side.waiting = [row for row in side.waiting if id(row) not in found]
        groups: dict[tuple[str, ...], list[tuple[Row, dict[str, str | None]]]] = {}
        for row in ready:
            values = {**row.values, **found[id(row)]}
            groups.setdefault(tuple(sorted(values)), []).append((row, values))
        for group in groups.values():
            await self._compare(side, group)
        return bool(ready)

    async def _compare(
        self, side: Side, group: Sequence[tuple[Row, dict[str, str | None]]]
    ) -> None:
        """Compare rows that have values for the same columns, and write those that differ."""
        everything = sorted(group[0][1])
        marked = {name for _, values in group for name in values if values[name] == NEW}
        if marked & set(side.wanted.key):
            fresh = [each for each in group if any(v == NEW for v in each[1].values())]
            for row, values in fresh:
                self._note(side, "insert", row, dict.fromkeys(values), values)
            group = [each for each in group if not any(v == NEW for v in each[1].values())]
            if not group:
                return
        columns = [name for name in everything if name not in marked]
        key = set(side.wanted.key)
        records = await self.asked(
            _comparison(side, columns),
            [[values[name] for _, values in group] for name in columns],
            [(row, values) for row, values in group],
            side.types,
        )
        self._refuse_several(side, group, records)
        new: list[tuple[Row, dict[str, str | None]]] = []
        changed: list[tuple[Row, dict[str, str | None]]] = []
        for record, (row, values) in zip(records, group, strict=True):
            after = dict(zip(columns, record["after"], strict=True))
            before = dict(zip(columns, record["before"], strict=True))
            after.update({name: NEW for name in marked if values[name] == NEW})
            self._refuse_twice(side, row, after)
            if not record["found"]:
                new.append((row, values))
                self._note(side, "insert", row, dict.fromkeys(after), after)
            elif any(before.get(name) != after[name] for name in after.keys() - key):
                changed.append((row, values))
                self._note(side, "update", row, before, after)
            else:
                side.unchanged += 1
        if self.writes and new:
            await self._writer.insert(side, new)
        if self.writes and changed:
            await self._writer.update(side, changed)

    def _note(
        self,
        side: Side,
        kind: str,
        row: Row,
        before: dict[str, str | None],
        after: dict[str, str | None],
    ) -> None:
        key = ", ".join(str(after.get(name)) for name in side.wanted.key)
        columns = tuple(
            (name, before.get(name), text)
            for name, text in after.items()
            if name not in side.wanted.key and (kind == "insert" or before.get(name) != text)
        )
        self.changes.append(Change(side.live.shown, kind, key, columns, str(row.place)))

    def _refuse_several(self, side: Side, group: Sequence[Any], records: Sequence[Any]) -> None:
        if len(records) == len(group):
            return
        numbers = [record["n"] for record in records]
        row = next(group[n - 1][0] for n in numbers if numbers.count(n) > 1)
        key = ", ".join(side.wanted.key)
        refuse(
            row.place,
            f"several rows of {side.live.shown} have this {key}",
            "Declare a key that tells them apart.",
            NOTHING,
        )

    def _refuse_twice(self, side: Side, row: Row, after: dict[str, str | None]) -> None:
        key = tuple(str(after[name]) for name in side.wanted.key)
        if key in side.seen and NEW not in key:
            refuse(row.place, f"the same row as at {side.seen[key].place}", detail=NOTHING)
        side.seen[key] = row


def _comparison(side: Side, columns: Sequence[str]) -> str:
    """Each row of the file beside the one in the table, as text the server wrote for both."""
    casts = dict(zip(columns, cast(side, columns), strict=True))
    match = " AND ".join(f"t.{quoted(name)} = {casts[name]}" for name in side.wanted.key)
    before = ", ".join(f"{_comparable(side, name, f't.{quoted(name)}')}::text" for name in columns)
    after = ", ".join(f"{_comparable(side, name, casts[name])}::text" for name in columns)
    return (
        f"SELECT u.n, t.ctid IS NOT NULL AS found, ARRAY[{before}] AS before, "
        f"ARRAY[{after}] AS after FROM {unnested(len(columns))} "
        f"LEFT JOIN {side.live.name} t ON {match} ORDER BY u.n"
    )


def _comparable(side: Side, name: str, value: str) -> str:
    """Two spellings of one document do not differ."""
    return f"({value})::jsonb" if side.types[name] == "json" else f"({value})"
