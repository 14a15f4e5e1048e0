"""Who stands in the way of a session that waits for a lock: the one at the end of the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbtool.ports import Value
from dbtool.report import counted, duration
from dbtool.sql.names import string_literal

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

# Whoever waits itself is no culprit, so the chain is followed to those who wait for nobody. A
# prepared transaction has no session; pg_blocking_pids calls it 0.
_ROOTS = """
    WITH RECURSIVE chain(pid, path) AS (
        SELECT b, ARRAY[$1::int4, b]
          FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) b
        UNION ALL
        SELECT b, c.path || b
          FROM chain c, LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(c.pid)) b
         WHERE c.pid <> 0 AND b <> ALL (c.path) AND pg_catalog.cardinality(c.path) < 12
    )
    SELECT DISTINCT c.pid, a.application_name, a.state,
           extract(epoch FROM pg_catalog.clock_timestamp()
                   - coalesce(a.xact_start, a.backend_start))::float8 AS age,
           pg_catalog.left(a.query, 120) AS query
      FROM chain c LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = c.pid
     WHERE c.pid = 0 OR pg_catalog.cardinality(pg_catalog.pg_blocking_pids(c.pid)) = 0
     ORDER BY age DESC NULLS LAST
"""
_PREPARED = """
    SELECT 0, p.gid, 'prepared',
           extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::float8, ''
      FROM pg_catalog.pg_prepared_xacts p
     WHERE p.database = pg_catalog.current_database()
       AND EXISTS (SELECT FROM pg_catalog.pg_locks x
                     JOIN pg_catalog.pg_locks h USING (virtualtransaction)
                     JOIN pg_catalog.pg_locks w
                       ON w.relation = h.relation OR w.transactionid = h.transactionid
                    WHERE x.transactionid = p.transaction AND x.pid IS NULL AND h.pid IS NULL
                      AND w.pid = $1 AND NOT w.granted)
     ORDER BY p.prepared LIMIT 5
"""
_WANTED = """
    SELECT l.relation::pg_catalog.regclass::text AS relation, l.mode, l.locktype
      FROM pg_catalog.pg_locks l WHERE l.pid = $1 AND NOT l.granted LIMIT 1
"""


Row = tuple[int, str | None, str | None, float | None, str | None]


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session others wait for, or a prepared transaction, whose `pid` is 0.

    The application of a prepared transaction is its name, where that is known.
    """

    pid: int
    application: str
    state: str
    age: float | None
    query: str

    @property
    def shown(self) -> str:
        """The session as it is printed."""
        if self.pid == 0:
            name = f'the prepared transaction "{self.application}"' if self.application else ""
            return name or "a prepared transaction (see pg_prepared_xacts)"
        since = f" for {duration(self.age)}" if self.age is not None else ""
        doing = f"{self.state}{since}" if self.state else f"open{since}"
        query = f": {' '.join(self.query.split())}" if self.query else ""
        return f"pid {self.pid} ({self.application or 'no name'}, {doing}{query})"

    @property
    def end(self) -> str:
        """How somebody ends what holds the lock."""
        if self.pid:
            return (
                "Run it again when that session has ended its transaction;"
                f" dbtool kill {self.pid} shows what it does, and ends it."
            )
        name = string_literal(self.application or "NAME")
        return (
            "It holds its locks until it is ended, after a restart too. Only if its transaction"
            " manager, which decides, is gone:"
            f" COMMIT PREPARED {name} keeps what it did, ROLLBACK PREPARED {name} takes it back."
            " Then run it again."
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a session waits for, and those it waits for in the end."""

    wanted: str
    blockers: tuple[Blocker, ...]

    def same_as(self, other: "Waiting") -> bool:
        """Whether both wait for the same lock and the same sessions."""
        mine, theirs = ([each.pid for each in some.blockers] for some in (self, other))
        return (self.wanted, mine) == (other.wanted, theirs)

    @property
    def shown(self) -> str:
        """The wait as it is printed."""
        if not self.blockers:
            return f"waits for {self.wanted}"
        first, *more = self.blockers
        others = f" and {counted(len(more), 'other session')}" if more else ""
        return f"waits for {self.wanted}, held up by {first.shown}{others}"

    @property
    def fields(self) -> dict[str, Value]:
        """The wait as it is logged: the lock, and the first of those who hold it up."""
        first = self.blockers[0] if self.blockers else None
        return {
            "lock": self.wanted,
            "blocker_pid": first.pid if first else None,
            "blocker": first.shown if first else None,
        }


async def find(connection: "Connection", pid: int) -> Waiting | None:
    """What holds up the session with this process number; None where nothing does any more."""
    wanted = await connection.fetchrow(_WANTED, pid)
    if wanted is None:
        return None
    rows = await connection.fetch(_ROOTS, pid)
    if any(not row[0] for row in rows) and (named := await connection.fetch(_PREPARED, pid)):
        rows = [*named, *(row for row in rows if row[0])]
    return Waiting(_lock(wanted), _blockers(rows))


def _lock(row: "Sequence[str | None]") -> str:
    relation, mode, kind = row
    name = (mode or "").removesuffix("Lock")
    if relation is not None:
        return f"{name} on {relation}"
    if kind in ("transactionid", "tuple"):
        return "a row that another transaction has changed"
    return "transactions that began before it" if kind == "virtualxid" else f"a lock ({kind})"


def _blockers(rows: "Sequence[Row]") -> tuple[Blocker, ...]:
    return tuple(
        Blocker(pid, application or "", state or "", age, query or "")
        for pid, application, state, age, query in rows
    )
