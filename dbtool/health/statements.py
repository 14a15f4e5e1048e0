"""What each statement cost between two looks at pg_stat_statements."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dbtool.finding import Fix
from dbtool.health.participant import QUERY_LENGTH
from dbtool.health.parts import Part
from dbtool.health.redact import redact

Key = tuple[str, int, int]
"""A statement of one role in one database: query id, role oid, database oid."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the view is, if it can be read here; `planning` says whether plan times are kept."""

    database: str
    schema: str | None
    loaded: bool
    planning: bool
    block_size: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a statement has cost so far, or within a window; times in milliseconds."""

    calls: int
    exec_ms: float
    plan_ms: float
    rows: int
    read_blocks: int
    temp_blocks: int
    wal_bytes: int

    def less(self, before: "Cost | None") -> "Cost":
        """What came since `before`; everything where the counters have begun anew."""
        if before is None or before.calls > self.calls or before.exec_ms > self.exec_ms:
            return self
        return Cost(
            self.calls - before.calls,
            self.exec_ms - before.exec_ms,
            self.plan_ms - before.plan_ms,
            self.rows - before.rows,
            self.read_blocks - before.read_blocks,
            self.temp_blocks - before.temp_blocks,
            self.wal_bytes - before.wal_bytes,
        )


@dataclass(frozen=True, slots=True)
class Counters:
    """All counters at one moment; of `hidden` statements only that they exist is known."""

    costs: dict[Key, Cost]
    hidden: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and its part in the window; `query` has no literals."""

    query_id: str
    role: str
    database: str
    query: str
    share: float
    cost: Cost


ACCESS = Part(
    "statements",
    """
(SELECT json_build_object(
    'database', current_database(),
    'schema', (SELECT quote_ident(n.nspname)
               FROM pg_catalog.pg_extension AS e
               JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
               WHERE e.extname = 'pg_stat_statements'),
    'loaded', current_setting('pg_stat_statements.track', true) IS NOT NULL,
    'planning', coalesce(current_setting('pg_stat_statements.track_planning', true), 'off') = 'on',
    'block_size', current_setting('block_size')::int))
""",
    needed=True,
)


def counters_sql(schema: str) -> str:
    """Every counter without a text, but for statements inside functions: those count there too.

    The statement that asks is left out; it knows itself by the id the server gave it.
    """
    return f"""
SELECT json_build_object(
    'costs', coalesce(json_agg(json_build_array(
        queryid::text, userid::bigint, dbid::bigint, calls, total_exec_time, total_plan_time, rows,
        shared_blks_read + local_blks_read, temp_blks_written, wal_bytes::bigint
        )) FILTER (WHERE queryid IS NOT NULL), '[]'),
    'hidden', count(*) FILTER (WHERE queryid IS NULL))::text
FROM {schema}.pg_stat_statements(false)
WHERE toplevel
  AND (queryid IS NULL OR queryid IS DISTINCT FROM (
       SELECT query_id FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())))
"""


def counters(answer: dict[str, Any]) -> Counters:
    """What the server answered to `counters_sql`."""
    costs = {(row[0], row[1], row[2]): Cost(*row[3:]) for row in answer["costs"]}
    return Counters(costs, answer["hidden"])


def texts_sql(schema: str, keys: Iterable[Key]) -> str:
    """The texts of a few statements; the server reads its file of texts for them once."""
    wanted = ", ".join(
        f"({int(query_id)}, {role}, {database})" for query_id, role, database in keys
    )
    return f"""
SELECT json_build_object('texts', coalesce(json_agg(json_build_array(
    queryid::text, userid::bigint, dbid::bigint, left(query, {QUERY_LENGTH}),
    pg_catalog.pg_get_userbyid(userid),
    (SELECT datname FROM pg_catalog.pg_database WHERE oid = dbid))), '[]'))::text
FROM {schema}.pg_stat_statements(true)
WHERE toplevel AND (queryid, userid::bigint, dbid::bigint) IN (VALUES {wanted})
"""


def statements(
    answer: dict[str, Any], spent: dict[Key, Cost], keys: Iterable[Key]
) -> tuple[Statement, ...]:
    """The statements asked for, in that order, with the share each has of all execution."""
    told = {(row[0], row[1], row[2]): row[3:] for row in answer["texts"]}
    total = sum(cost.exec_ms for cost in spent.values())
    found = []
    for key in keys:
        query, role, database = told.get(key, (None, "", ""))
        share = spent[key].exec_ms / total if total else 0.0
        shown = redact(query) if query else "(its text is not kept)"
        found.append(Statement(key[0], role or "", database or "", shown, share, spent[key]))
    return tuple(found)


def spent(before: Counters, after: Counters, ours: frozenset[str]) -> dict[Key, Cost]:
    """What ended between two looks, without the statements of our own."""
    window = {
        key: cost.less(before.costs.get(key))
        for key, cost in after.costs.items()
        if key[0] not in ours
    }
    return {key: cost for key, cost in window.items() if cost.calls or cost.exec_ms > 0}


def explanation(statement: Statement, database: str) -> Fix | None:
    """The command that shows its plan; none from a database where it did not run."""
    if statement.database != database:
        return None
    return Fix("shell", f"dbtool explain --queryid={statement.query_id}", label="its plan")
