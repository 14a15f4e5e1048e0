"""What a real server does for a statement: locks, rows read, rewrites, indexes, errors."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncpg import Record
from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection

_RELATIONS = """
SELECT c.oid, c.relname, c.relfilenode, c.relkind,
       coalesce(pg_stat_get_xact_tuples_returned(c.oid), 0) AS returned,
       coalesce(pg_stat_get_xact_numscans(c.oid), 0) AS scans,
       array(SELECT x.relfilenode FROM pg_index AS i
             JOIN pg_class AS x ON x.oid = i.indexrelid
             WHERE i.indrelid = c.oid AND x.relkind = 'i' ORDER BY 1) AS indexes
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND c.relkind IN ('r', 'p', 'm')
"""
_LOCKS = """
SELECT relation, mode FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted
"""
_MODES = (
    "none",
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What happened to relations that existed before."""

    locks: dict[str, int] = field(default_factory=dict)
    scanned: frozenset[str] = frozenset()
    rewritten: frozenset[str] = frozenset()
    built: frozenset[str] = frozenset()
    error: str = ""

    @classmethod
    def failed(cls, error: PostgresError) -> "Measured":
        """What ends in an error holds nothing any more."""
        return cls(error=str(getattr(error, "sqlstate", "")))

    @property
    def strongest(self) -> int:
        """The strongest lock mode."""
        return max(self.locks.values(), default=0)

    @property
    def blocks(self) -> bool:
        """Whether writers wait for work in proportion to a table."""
        return self.strongest >= 5 and bool(self.scanned | self.rewritten | self.built)


def measure(connection: SyncConnection, sql: str, sets: str = "") -> Measured:
    """Run a statement in a transaction, look, and roll it back."""
    connection.execute("BEGIN")
    try:
        if sets:
            connection.execute(sets)
        before = {row["oid"]: row for row in connection.fetch(_RELATIONS)}
        try:
            connection.execute(sql)
        except PostgresError as error:
            return Measured.failed(error)
        after = {row["oid"]: row for row in connection.fetch(_RELATIONS)}
        locks: dict[str, int] = {}
        for row in connection.fetch(_LOCKS):
            if row["relation"] in before:
                name = before[row["relation"]]["relname"]
                locks[name] = max(locks.get(name, 0), _MODES.index(row["mode"]))
        return Measured(
            locks,
            frozenset(_changed(before, after, "returned", "scans")),
            frozenset(_changed(before, after, "relfilenode")),
            frozenset(_new_indexes(before, after)),
        )
    finally:
        connection.execute("ROLLBACK")


def _changed(before: dict[int, Record], after: dict[int, Record], *what: str) -> Iterator[str]:
    for oid, row in before.items():
        if oid in after and any(after[oid][each] != row[each] for each in what):
            yield row["relname"]


def _new_indexes(before: dict[int, Record], after: dict[int, Record]) -> Iterator[str]:
    for oid, row in before.items():
        same = oid not in after or row["relkind"] == "p"
        if not same and {*after[oid]["indexes"]} - {*row["indexes"]}:
            yield row["relname"]
