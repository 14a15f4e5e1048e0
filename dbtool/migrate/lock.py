"""One run at a time: an advisory lock for each version table, and whoever else holds it.

Two locks belong to a version table. Our own connection holds the first for as long as a run
lasts. The connection Alembic works on holds the second, shared: it may outlive the run, since
the server ends a statement whose client was killed only when it notices. A new run needs the
first, and nobody else holding the second.

Both are taken by trying again and again, never by waiting in the server: whoever waits there
holds a snapshot, on which CREATE INDEX CONCURRENTLY of the other run would wait in turn.
"""

import zlib
from dataclasses import dataclass, replace

from dbtool.database.sync import SyncConnection
from dbtool.errors import LockNotObtained, OperationError
from dbtool.migrate.glance import as_array
from dbtool.report import duration

RUN, WORK = 0x6462_7475, 0x6462_7477

LEADER, WORKER = "dbtool migrations", "dbtool revision"
"""How the sessions that hold them are named; a team's own name for Alembic's stays."""

NOTICE_LOST_CLIENT = """
    CASE WHEN pg_catalog.version() LIKE '%linux%'
          AND pg_catalog.current_setting('tcp_keepalives_idle')::int4 NOT BETWEEN 1 AND 60
         THEN pg_catalog.set_config('tcp_keepalives_idle', '20', false)
           || pg_catalog.set_config('tcp_keepalives_interval', '10', false)
           || pg_catalog.set_config('tcp_keepalives_count', '4', false)
           || pg_catalog.set_config('tcp_user_timeout', '60s', false) END
"""
"""SQL by which the server ends a session within a minute whose host is gone without a word.

By itself Linux asks after two hours, and for so long what the session had locked stays locked.
"""

NEVER_IDLE = """
    CASE WHEN pg_catalog.current_setting('server_version_num')::int4 >= 140000
         THEN pg_catalog.set_config('idle_session_timeout', '0', false) END
"""
"""SQL by which the server lets a session wait for a person who thinks."""

_TAKE = "SELECT pg_catalog.pg_try_advisory_lock($1, $2)"
_GIVE = "SELECT pg_catalog.pg_advisory_unlock($1, $2)"
_HELD = """
    SELECT count(*) FROM pg_catalog.pg_locks
     WHERE locktype = 'advisory' AND granted AND objsubid = 2
       AND pid = pg_catalog.pg_backend_pid() AND classid::pg_catalog.int8 = $1
"""
_OTHERS = """
    SELECT l.classid::pg_catalog.int8 = $1 AS leads, l.pid, a.application_name,
           pg_catalog.host(a.client_addr) AS address,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start)::float8 AS age,
           CASE WHEN a.state = 'active' AND l.classid::pg_catalog.int8 <> $1
                THEN pg_catalog.left(a.query, 200) END AS runs,
           a.state = 'idle' AS idle
      FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
       AND l.database = (SELECT oid FROM pg_catalog.pg_database
                          WHERE datname = pg_catalog.current_database())
       AND l.classid::pg_catalog.int8 IN ($1, $2) AND l.objid::pg_catalog.int8 = $3
       AND l.pid <> ALL ($4::pg_catalog.text::pg_catalog.int4[])
     ORDER BY 1 DESC, age DESC
"""


@dataclass(frozen=True, slots=True)
class Other:
    """A session of another run; `leads` is false for one whose run was killed, or has ended.

    `works` that the run is seen at work; else it may also be one whose sessions end this moment.
    """

    pid: int
    application: str
    address: str
    age: float | None
    runs: str
    leads: bool
    works: bool

    @property
    def shown(self) -> str:
        """The session as it is printed."""
        if not self.pid:
            return "one that ends at this moment"
        where = f", from {self.address}" if self.address else ""
        since = f", connected {duration(self.age)} ago" if self.age is not None else ""
        what = f", runs: {' '.join(self.runs.split())}" if self.runs else ""
        left = "" if self.leads else ", left behind by a run that has ended"
        return f"pid {self.pid} ({self.application or 'no name'}{where}{since}{what}{left})"


class AnotherRun(LockNotObtained):
    """Another run is at work on the version table."""


def number(version_table: str) -> int:
    """The second half of the lock's key: 32 bits of the version table's name, signed."""
    checksum = zlib.crc32(version_table.encode())
    return checksum - (1 << 32) if checksum >= 1 << 31 else checksum


def others(connection: SyncConnection, version_table: str, ours: list[int]) -> tuple[Other, ...]:
    """Who else is at work on a version table, those that lead a run first."""
    key = number(version_table) & 0xFFFF_FFFF
    rows = connection.fetch(_OTHERS, RUN, WORK, key, as_array(ours))
    found = [
        Other(
            pid=row["pid"],
            application=row["application_name"] or "",
            address=row["address"] or "",
            age=row["age"],
            runs=row["runs"] or "",
            leads=row["leads"],
            works=not row["leads"] and row["idle"] is False,
        )
        for row in rows
    ]
    if len(found) > 1 and found[0].leads and not found[1].leads and not rows[1]["idle"]:
        # Its own session only looks on: what the run is at work on, the other one tells.
        doing = ": ".join(filter(None, (found[1].application, found[1].runs)))
        found[0] = replace(found[0], runs=doing, works=found[1].works)
    return tuple(found)


class RunLock:
    """The locks a run holds on its own connection until that is closed."""

    def __init__(self, connection: SyncConnection, backend: int, key: int) -> None:
        self._connection = connection
        self._backend = backend
        self._key = key
        self._held: set[str] = set()

    def holds(self, version_table: str) -> bool:
        """Whether the run has it already."""
        return version_table in self._held

    def take(self, version_table: str, ours: list[int]) -> tuple[Other, ...]:
        """Try once; whoever stands in the way is returned, nobody where it was obtained.

        `ours` are the sessions of this run's own env.py.
        """
        if self.holds(version_table):
            return ()
        key = number(version_table)
        mine = [self._backend, *ours]
        if not self._connection.fetchval(_TAKE, RUN, key):
            # The other run may have ended between the two statements: then nobody is named.
            return others(self._connection, version_table, mine) or (_GONE,)
        if left := others(self._connection, version_table, mine):
            self._connection.fetchval(_GIVE, RUN, key)
            return left
        self._held.add(version_table)
        return ()

    def question(self) -> str:
        """SQL by which another connection to the database tells whether our session still lives.

        Nobody else knows the random number that it holds: whoever can lock it has outlived us.
        """
        return f"NOT pg_catalog.pg_try_advisory_xact_lock({self._key})"

    def verify(self) -> None:
        """Raise OperationError where the lock was lost: then another run may have begun."""
        if not self._held:
            return
        try:
            held = self._connection.fetchval(_HELD, RUN)
        except Exception as error:
            raise lost(f"Our session on the server ended: {str(error).rstrip('.')}.") from error
        if held != len(self._held):
            raise lost("Somebody released it on the server.")


_GONE = Other(0, "another run", "", None, "", leads=True, works=False)


def while_working(version_table: str) -> str:
    """SQL by which Alembic's connection holds the second lock until its session ends."""
    return f"pg_catalog.pg_try_advisory_lock_shared({WORK}, {number(version_table)})"


def lost(detail: str) -> OperationError:
    """The lock is gone; what is recorded stays."""
    return OperationError(
        "the lock that keeps other runs away was lost",
        detail=f"{detail} Another run may have begun, so this one goes no further.",
        hint="Run the same command again: what is recorded is not run twice.",
    )


def refusal(version_table: str, standing: tuple[Other, ...], waited: float) -> AnotherRun:
    """Another run did not end in the time there was, or its sessions on the server did not."""
    first = standing[0]
    said, does = "a session of another run holds the lock of this database", "holds the lock of"
    if first.works:
        said, does = "another run is at work on this database", "works on"
    return AnotherRun(
        said,
        detail=f"{first.shown} {does} {version_table}; waited {duration(waited)}."
        f" Nothing was run that {version_table} would record.",
        hint="Run it again when that one has ended, or wait longer: --wait-lock 30min.",
    )
