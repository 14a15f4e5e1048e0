"""How many connections the server has left, who holds them, and what they do."""

import asyncio
from dataclasses import dataclass
from typing import Any

from dbtool.database.target import Target
from dbtool.health.lockmodes import conflict_rows
from dbtool.health.redact import redact
from dbtool.health.session import Endpoint, session

LISTED = 100
"""How many idle transactions are read one by one; a count tells of the rest."""

BLOCKED_LISTED = 20
"""How many of the sessions that wait for one of them are named."""

QUERY_LENGTH = 500
"""Characters of a statement that are read; the redactor masks what the cut leaves open."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answered, and when."""

    version: str
    version_number: int
    in_recovery: bool
    taken_at: str


@dataclass(frozen=True, slots=True)
class Rights:
    """What the role we are logged in as may see of other roles' sessions."""

    role: str
    sees_all: bool
    grant: str


@dataclass(frozen=True, slots=True)
class Slots:
    """The connection slots; `usable` is what a role without special rights can get.

    `used` counts client backends, this one included: walsenders, autovacuum and background
    workers do not take these slots. `hidden` of them cannot be told apart from parallel
    workers for want of rights, so that `used` is then an upper bound.
    """

    max_connections: int
    superuser_reserved: int
    role_reserved: int
    usable: int
    used: int
    free: int
    hidden: int


@dataclass(frozen=True, slots=True)
class Group:
    """Client backends that are alike in application, role, database, client and state."""

    application: str
    role: str
    database: str
    client: str | None
    state: str | None
    count: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class IdleTransaction:
    """A session that sits in an open transaction and runs nothing.

    `blocks` counts the sessions that wait for a lock it holds, `blocked` names the first of
    them. `fingerprint` is equal where the last statement is; `query` is that statement without
    its literals. When an aborted transaction began is not known: the server forgets it.
    """

    pid: int
    backend_start: str
    application: str
    role: str
    database: str
    client: str | None
    transaction_seconds: float | None
    idle_seconds: float
    aborted: bool
    holds_horizon: bool
    blocks: int
    blocked: tuple[int, ...]
    fingerprint: str
    query: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """The open transaction that began first."""

    pid: int
    application: str
    role: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Ages:
    """For how long client backends have been connected, in seconds."""

    youngest: float
    median: float
    oldest: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A CONNECTION LIMIT of a role or database that has connections."""

    kind: str
    name: str
    quoted: str
    connections: int
    used: int


@dataclass(frozen=True, slots=True)
class Pool:
    """The connections of one server at one moment; `lock_waiters` are sessions of any kind."""

    endpoint: Endpoint
    server: Server
    rights: Rights
    slots: Slots
    groups: tuple[Group, ...]
    idle_transactions: tuple[IdleTransaction, ...]
    idle_transaction_count: int
    lock_waiters: int
    oldest_transaction: Transaction | None
    ages: Ages | None
    limits: tuple[Limit, ...]


SQL = f"""
WITH moment AS MATERIALIZED (
    SELECT pg_catalog.clock_timestamp() AS now
),
everyone AS MATERIALIZED (
    SELECT a.*,
           a.backend_type IS NULL AS hidden,
           extract(epoch FROM now - a.backend_start) AS age,
           extract(epoch FROM now - a.xact_start) AS transaction_age,
           extract(epoch FROM now - a.state_change) AS state_age
    FROM pg_catalog.pg_stat_activity AS a CROSS JOIN moment
),
clients AS MATERIALIZED (
    SELECT pid, backend_start, hidden, state, age, state_age, transaction_age, backend_xmin,
           query_id, query,
           coalesce(application_name, '') AS application,
           coalesce(usename, '') AS role,
           coalesce(datname, '') AS database,
           CASE WHEN NOT hidden THEN coalesce(host(client_addr), 'local') END AS client
    FROM everyone
    WHERE backend_type = 'client backend'
       OR hidden AND datid IS NOT NULL AND usesysid IS NOT NULL
),
idle AS MATERIALIZED (
    SELECT * FROM clients WHERE state LIKE 'idle in transaction%'
),
locks AS MATERIALIZED (
    SELECT pid, mode, granted,
           ROW(locktype, database, relation, page, tuple, virtualxid, transactionid,
               classid, objid, objsubid)::text AS target
    FROM pg_catalog.pg_locks
    WHERE EXISTS (SELECT FROM idle)
      AND EXISTS (SELECT FROM everyone WHERE wait_event_type = 'Lock')
),
blocking AS MATERIALIZED (
    SELECT held.pid, count(DISTINCT wanted.pid) AS blocks,
           (array_agg(DISTINCT wanted.pid))[1:{BLOCKED_LISTED}] AS blocked
    FROM idle
    JOIN locks AS held ON held.pid = idle.pid AND held.granted
    JOIN locks AS wanted
      ON wanted.target = held.target AND NOT wanted.granted AND wanted.pid <> held.pid
    JOIN (VALUES {conflict_rows()}) AS conflict (wanted, held)
      ON conflict.wanted = wanted.mode AND conflict.held = held.mode
    GROUP BY held.pid
),
slots AS MATERIALIZED (
    SELECT max_connections, superuser_reserved, role_reserved,
           max_connections - superuser_reserved - role_reserved AS usable,
           used,
           greatest(max_connections - superuser_reserved - role_reserved - used, 0) AS free,
           hidden
    FROM (SELECT current_setting('max_connections')::int AS max_connections,
                 current_setting('superuser_reserved_connections')::int AS superuser_reserved,
                 coalesce(current_setting('reserved_connections', true)::int, 0)
                     AS role_reserved) AS settings,
         (SELECT count(*) AS used, count(*) FILTER (WHERE hidden) AS hidden FROM clients) AS taken
)
SELECT json_build_object(
    'backend_pid', pg_backend_pid(),
    'server', (
        SELECT json_build_object(
            'version', current_setting('server_version'),
            'version_number', current_setting('server_version_num')::int,
            'in_recovery', pg_is_in_recovery(),
            'taken_at', now)
        FROM moment),
    'rights', json_build_object(
        'role', current_user,
        'sees_all', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
        'grant', 'GRANT pg_monitor TO ' || quote_ident(current_user)),
    'slots', (SELECT row_to_json(slots) FROM slots),
    'groups', (
        SELECT coalesce(json_agg(g), '[]')
        FROM (SELECT application, role, database, client, state, count(*) AS count,
                     max(age) AS oldest_seconds
              FROM clients
              GROUP BY application, role, database, client, state
              ORDER BY count(*) DESC, application, role, database, client, state) AS g),
    'idle_transactions', (
        SELECT coalesce(json_agg(i), '[]')
        FROM (SELECT pid, backend_start, application, role, database, client,
                     transaction_age AS transaction_seconds,
                     state_age AS idle_seconds,
                     state LIKE '%aborted%' AS aborted,
                     backend_xmin IS NOT NULL AS holds_horizon,
                     coalesce(blocks, 0) AS blocks,
                     coalesce(blocked, '{{}}') AS blocked,
                     coalesce(query_id::text, md5(query)) AS fingerprint,
                     left(query, {QUERY_LENGTH}) AS query
              FROM idle LEFT JOIN blocking USING (pid)
              ORDER BY coalesce(blocks, 0) DESC, state_age DESC
              LIMIT {LISTED}) AS i),
    'idle_transaction_count', (SELECT count(*) FROM idle),
    'lock_waiters', (SELECT count(*) FROM everyone WHERE wait_event_type = 'Lock'),
    'oldest_transaction', (
        SELECT row_to_json(t)
        FROM (SELECT pid, application, role, state, transaction_age AS seconds
              FROM clients
              WHERE transaction_age IS NOT NULL AND pid <> pg_backend_pid()
              ORDER BY transaction_age DESC
              LIMIT 1) AS t),
    'ages', (
        SELECT json_build_object('youngest', min(age), 'oldest', max(age),
                   'median', percentile_cont(0.5) WITHIN GROUP (ORDER BY age))
        FROM clients
        WHERE age IS NOT NULL AND pid <> pg_backend_pid()
        HAVING count(*) > 0),
    'limits', (
        SELECT coalesce(json_agg(l), '[]')
        FROM (SELECT kind, name, quote_ident(name) AS quoted, connections, used
              FROM (SELECT 'role' AS kind, rolname AS name, rolconnlimit AS connections, used
                    FROM (SELECT role, count(*) AS used FROM clients GROUP BY role) AS taken
                    JOIN pg_catalog.pg_roles ON rolname = role
                    WHERE rolconnlimit >= 0 AND NOT rolsuper
                    UNION ALL
                    SELECT 'database', datname, datconnlimit, used
                    FROM (SELECT database, count(*) AS used FROM clients GROUP BY database) AS taken
                    JOIN pg_catalog.pg_database ON datname = database
                    WHERE datconnlimit >= 0) AS limited
              ORDER BY used::float / greatest(connections, 1) DESC, kind, name
              LIMIT {LISTED}) AS l)
)::text
"""
"""One statement for everything; it takes no lock on any relation of the user.

A session idle in a transaction waits for nobody, so that it can only block others by a lock
it holds: a join of pg_locks with itself is exact there and grows linearly, where
pg_blocking_pids grows with the square of a queue. It runs only where somebody waits.
"""


async def ask(target: Target) -> Pool:
    """Ask the server once and return what it said."""
    async with session(target) as asking:
        answer = await asking.read(SQL)
        return _pool(asking.endpoint(answer["backend_pid"]), answer)


def read(target: Target) -> Pool:
    """The same for a caller without an event loop."""
    return asyncio.run(ask(target))


def _pool(endpoint: Endpoint, answer: dict[str, Any]) -> Pool:
    oldest, ages = answer["oldest_transaction"], answer["ages"]
    return Pool(
        endpoint=endpoint,
        server=Server(**answer["server"]),
        rights=Rights(**answer["rights"]),
        slots=Slots(**answer["slots"]),
        groups=tuple(Group(**each) for each in answer["groups"]),
        idle_transactions=tuple(_idle(each) for each in answer["idle_transactions"]),
        idle_transaction_count=answer["idle_transaction_count"],
        lock_waiters=answer["lock_waiters"],
        oldest_transaction=Transaction(**oldest) if oldest else None,
        ages=Ages(**ages) if ages else None,
        limits=tuple(Limit(**each) for each in answer["limits"]),
    )


def _idle(row: dict[str, Any]) -> IdleTransaction:
    taken = {"blocked": tuple(row["blocked"]), "query": redact(row["query"])}
    return IdleTransaction(**{**row, **taken})
