"""The sessions and prepared transactions that locks belong to."""

import re
from dataclasses import dataclass, fields
from typing import Any

from dbtool.health.redact import Shown, redact

_REVISION = re.compile(r"dbtool revisions? (\S+)")
PARALLEL_WORKER = "parallel worker"
CLIENT = "client backend"
AUTOVACUUM = "autovacuum worker"
WALSENDER = "walsender"
STARTUP = "startup"
PREVENTS_WRAPAROUND = "to prevent wraparound"


@dataclass(frozen=True, slots=True)
class Session:
    """A process of the server; what a plain role may not see of it is None or empty.

    `superuser` is about its role. `revision` is the Alembic revision that dbtool runs there.
    `query` has no literals but where they were asked for. `wraparound` marks the vacuum that
    must not be ended.
    """

    pid: int
    leader: int | None
    backend_type: str | None
    backend_start: str | None
    query_start: str | None
    application: str
    role: str
    superuser: bool
    database: str
    client: str | None
    state: str | None
    transaction_seconds: float | None
    query_seconds: float | None
    state_seconds: float | None
    query: str
    revision: str | None
    wraparound: bool

    @property
    def group(self) -> int:
        """The session itself, or whose parallel worker it is: they never wait for each other."""
        if self.backend_type == PARALLEL_WORKER and self.leader:
            return self.leader
        return self.pid

    @property
    def hidden(self) -> bool:
        """Whether our role may not see what it does."""
        return self.backend_type is None

    @property
    def concurrently(self) -> bool:
        """Whether it runs what waits for whole transactions where others wait for a row."""
        return "CONCURRENTLY" in self.query.upper().replace(";", " ").split()

    @property
    def idle_in_transaction(self) -> bool:
        """Whether it sits in an open transaction and runs nothing."""
        return (self.state or "").startswith("idle in transaction")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction that PREPARE TRANSACTION has parted from its session."""

    name: str
    owner: str
    database: str
    seconds: float


def session(row: dict[str, Any], shown: Shown = redact) -> Session:
    """A row of SESSION_COLUMNS."""
    query = (row["query"] or "") if row["backend_type"] else ""
    revision = _REVISION.match(row["application"])
    vacuum = row["backend_type"] == AUTOVACUUM
    taken = {
        "query": shown(query),
        "revision": revision[1] if revision else None,
        "wraparound": vacuum and PREVENTS_WRAPAROUND in query,
    }
    return Session(**{**row, **taken})


def sessions(lists: dict[str, list[Any]], shown: Shown = redact) -> dict[int, Session]:
    """What the server answered to SESSION_LISTS, by pid."""
    rows = (dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True))
    return {row["pid"]: session(row, shown) for row in rows}


QUERY_LENGTH = 500
"""Characters of a statement that are read; the redactor masks what the cut leaves open."""

SESSION_COLUMNS = f"""
    a.pid, a.leader_pid AS leader, a.backend_type, a.backend_start, a.query_start,
    coalesce(a.application_name, '') AS application,
    coalesce(a.usename, '') AS role,
    coalesce(a.usesysid IN (SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper), false)
        AS superuser,
    coalesce(a.datname, '') AS database,
    CASE WHEN a.backend_type IS NOT NULL THEN coalesce(host(a.client_addr), 'local') END AS client,
    a.state,
    date_part('epoch', clock_timestamp() - a.xact_start) AS transaction_seconds,
    date_part('epoch', clock_timestamp() - a.query_start) AS query_seconds,
    date_part('epoch', clock_timestamp() - a.state_change) AS state_seconds,
    left(a.query, {QUERY_LENGTH}) AS query
"""
"""What is read of `pg_stat_activity AS a`."""

_TAKEN_FROM_OTHERS = ("revision", "wraparound")
SESSION_LISTS = ", ".join(
    f"'{each.name}', coalesce(json_agg({each.name}), '[]')"
    for each in fields(Session)
    if each.name not in _TAKEN_FROM_OTHERS
)
"""Each column of SESSION_COLUMNS as a list: a thousand rows take the server twice as long."""
