"""Rows of a table that are in no file: counted, or deleted where nothing refers to them."""

from collections.abc import Sequence

from dbtool.database.connection import Connection
from dbtool.errors import OperationError
from dbtool.report import counted
from dbtool.seed.asking import Asking, missing_from
from dbtool.seed.document import refuse
from dbtool.seed.sides import NEW, NOTHING, Change, Side
from dbtool.sql.text import quoted

_REFERRING = """
SELECT c.conname AS name, format('%I.%I', n.nspname, r.relname) AS child,
       (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k(num, n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num)::text[] AS columns,
       (SELECT array_agg(a.attname ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k(num, n)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num)::text[] AS targets
FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.contype = 'f' AND c.confrelid = $1::text::regclass AND c.conparentid = 0
ORDER BY 2, 1
"""


class Pruner(Asking):
    """Finds the rows that no file has, and deletes them where `writes`."""

    def __init__(self, connection: Connection, sides: Sequence[Side], *, writes: bool) -> None:
        super().__init__(connection)
        self.sides = sides
        self.writes = writes
        self.deleted: list[Change] = []

    async def others(self, side: Side, prune: bool) -> None:
        """Rows of the table that the file does not have; deleted where that was asked for."""
        key, types = side.wanted.key, side.types
        if not key:
            return
        seen = [each for each in side.seen if NEW not in each]
        arrays = [[each[at] for each in seen] for at in range(len(key))]
        missing = missing_from("t", key, types)
        table = side.live.name
        if not prune:
            sql = f"SELECT count(*) FROM {table} t WHERE {missing}"
            side.other = int(await self.connection.fetchval(sql, *arrays))
            return
        shown = " || ', ' || ".join(f"coalesce(t.{quoted(name)}::text, 'NULL')" for name in key)
        # While they are held no other session can make a row that refers to one of them.
        held = " FOR UPDATE" if self.writes else ""
        names = await self.connection.fetch(
            f"SELECT {shown} AS name FROM {table} t WHERE {missing} ORDER BY 1{held}", *arrays
        )
        if names and not side.wanted.rows:
            refuse(
                side.wanted.place,
                f"the file has no row, and all {len(names)} of {side.live.shown} would be lost",
                "A file without rows prunes nothing.",
                NOTHING,
            )
        self.deleted += [Change(side.live.shown, "delete", each["name"]) for each in names]
        if names:
            await self._refuse_referred(side, missing, arrays)
        if names and self.writes:
            await self.asked(f"DELETE FROM {table} t WHERE {missing}", arrays, [], types)

    async def _refuse_referred(self, side: Side, missing: str, arrays: list[list[str]]) -> None:
        """Refuse where rows refer to those deleted: they would be lost or changed with them."""
        keys = await self.connection.fetch(_REFERRING, side.live.name)
        own = {each.live.name for each in self.sides}
        for key in keys:
            if not self.writes and key["child"] in own:
                continue
            # Rows of the table itself that go too take nothing along.
            stay = "TRUE"
            if key["child"] == side.live.name:
                stay = f"NOT {missing_from('c', side.wanted.key, side.types)}"
            pairs = zip(key["columns"], key["targets"], strict=True)
            match = " AND ".join(f"c.{quoted(a)} = t.{quoted(b)}" for a, b in pairs)
            count = await self.connection.fetchval(
                f"SELECT count(*) FROM {key['child']} c JOIN {side.live.name} t ON {match} "
                f"WHERE {missing} AND {stay}",
                *arrays,
            )
            if count:
                child = key["child"].removeprefix("public.").replace('"', "")
                raise OperationError(
                    f"{counted(count, 'row')} of {child} would lose what they refer to"
                    f" in {side.live.shown}",
                    detail=f"The foreign key is {key['name']}. {NOTHING}",
                    hint="Change or delete those first: what is pruned takes no other row along.",
                )
