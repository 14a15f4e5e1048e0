"""Who holds a lock on a table that autovacuum gives way to, without waiting and without a word."""

from dataclasses import dataclass

from dbtool.health.parts import Part


@dataclass(frozen=True, slots=True)
class Locker:
    """A lock that keeps vacuum off a table; without `pid` it is a prepared transaction's.

    `seconds` is how long its transaction has been open, None where that is hidden. `idle` is
    whether it sits in that transaction and runs nothing.
    """

    relation: int
    pid: int | None
    application: str
    mode: str
    seconds: float | None
    idle: bool


LOCKERS = Part(
    "lockers",
    """
(SELECT coalesce(json_agg(x ORDER BY seconds DESC NULLS LAST), '[]') FROM (
    SELECT l.relation::bigint AS relation, l.pid, l.mode,
           coalesce(a.application_name, '') AS application,
           extract(epoch FROM clock_timestamp() - a.xact_start) AS seconds,
           coalesce(a.state LIKE 'idle in transaction%', false) AS idle
    FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'relation' AND l.granted
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                     'ExclusiveLock', 'AccessExclusiveLock')
      AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum AS v WHERE v.pid = l.pid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_cluster AS c WHERE c.pid = l.pid)
    ) AS x)
""",
)
"""The modes that conflict with vacuum's own ShareUpdateExclusiveLock.

Who vacuums or rewrites the table is about to remove its dead rows, and is not to blame.
"""
