"""What long operations of the server are doing: how far they are, and when they will be done."""

from dataclasses import dataclass, replace
from typing import Any

from dbtool.health.parts import SESSIONS


@dataclass(frozen=True, slots=True)
class Work:
    """One operation that reports its progress.

    `done` and `total` are of the present phase, in `unit`; None where it does not count.
    `locker` is the session it waits for. `rate` and `remaining` come from two looks.
    """

    pid: int
    command: str
    relation: str | None
    phase: str
    done: int | None
    total: int | None
    unit: str
    locker: int | None
    seconds: float | None
    rate: float | None = None
    remaining: float | None = None

    @property
    def share(self) -> float | None:
        """How much of the phase is done."""
        return self.done / self.total if self.total and self.done is not None else None


def works(answer: dict[str, Any]) -> tuple[Work, ...]:
    """What the server answered to PROGRESS, the longest first."""
    found = (Work(**row) for row in answer["seen"])
    return tuple(sorted(found, key=lambda each: -(each.seconds or 0)))


def since(before: tuple[Work, ...], now: tuple[Work, ...], seconds: float) -> tuple[Work, ...]:
    """The second look, with rates and estimates where the same phase goes on."""
    earlier = {(each.pid, each.command, each.phase): each for each in before}
    return tuple(
        _estimated(earlier.get((each.pid, each.command, each.phase)), each, seconds) for each in now
    )


def _estimated(before: Work | None, now: Work, seconds: float) -> Work:
    if before is None or before.done is None or now.done is None or now.done < before.done:
        return now
    rate = (now.done - before.done) / seconds
    left = (now.total - now.done) / rate if now.total and rate > 0 else None
    # How long a transaction that is waited for goes on, those before it do not tell.
    return replace(now, rate=rate, remaining=left if now.unit != "transactions" else None)


PROGRESS = f"""
(WITH work AS (
    SELECT pid, datname, relid, 'VACUUM' AS command, phase,
           CASE phase WHEN 'scanning heap' THEN heap_blks_scanned
                      WHEN 'vacuuming heap' THEN heap_blks_vacuumed
                      WHEN 'vacuuming indexes' THEN (v ->> 'indexes_processed')::bigint
                      WHEN 'cleaning up indexes' THEN (v ->> 'indexes_processed')::bigint
           END AS done,
           CASE WHEN phase IN ('scanning heap', 'vacuuming heap') THEN heap_blks_total
                WHEN phase LIKE '%indexes' THEN (v ->> 'indexes_total')::bigint END AS total,
           CASE WHEN phase LIKE '%indexes' THEN 'indexes' ELSE 'blocks' END AS unit,
           NULL::bigint AS locker
    FROM pg_catalog.pg_stat_progress_vacuum AS p, LATERAL to_json(p) AS v
    UNION ALL
    SELECT pid, datname, relid, command, phase,
           CASE WHEN phase LIKE 'waiting%' THEN lockers_done
                WHEN blocks_total > 0 THEN blocks_done WHEN tuples_total > 0 THEN tuples_done
                ELSE lockers_done END,
           CASE WHEN phase LIKE 'waiting%' THEN lockers_total
                WHEN blocks_total > 0 THEN blocks_total WHEN tuples_total > 0 THEN tuples_total
                ELSE lockers_total END,
           CASE WHEN phase LIKE 'waiting%' THEN 'transactions'
                WHEN blocks_total > 0 THEN 'blocks' WHEN tuples_total > 0 THEN 'rows'
                ELSE 'transactions' END,
           nullif(current_locker_pid, 0)
    FROM pg_catalog.pg_stat_progress_create_index
    UNION ALL
    SELECT pid, datname, relid, 'ANALYZE', phase,
           CASE WHEN phase LIKE 'acquiring%' THEN sample_blks_scanned END,
           CASE WHEN phase LIKE 'acquiring%' THEN sample_blks_total END, 'blocks', NULL
    FROM pg_catalog.pg_stat_progress_analyze
    UNION ALL
    SELECT pid, datname, relid, command, phase,
           CASE WHEN phase = 'seq scanning heap' THEN heap_blks_scanned END,
           CASE WHEN phase = 'seq scanning heap' THEN heap_blks_total END, 'blocks', NULL
    FROM pg_catalog.pg_stat_progress_cluster
    UNION ALL
    SELECT pid, datname, relid, command, lower(type),
           CASE WHEN bytes_total > 0 THEN bytes_processed ELSE tuples_processed END,
           nullif(bytes_total, 0),
           CASE WHEN bytes_total > 0 THEN 'bytes' ELSE 'rows' END, NULL
    FROM pg_catalog.pg_stat_progress_copy
    UNION ALL
    SELECT pid, NULL, NULL, 'base backup', phase,
           CASE WHEN phase = 'streaming database files' THEN backup_streamed END,
           CASE WHEN phase = 'streaming database files' THEN backup_total END, 'bytes', NULL
    FROM pg_catalog.pg_stat_progress_basebackup
)
SELECT json_build_object('hidden', count(*) FILTER (WHERE w.phase IS NULL), 'seen',
    coalesce(json_agg(w) FILTER (WHERE w.phase IS NOT NULL), '[]'))
FROM (SELECT pid, command, phase, done, total, unit, locker,
             CASE WHEN relid = 0 THEN NULL
                  WHEN work.datname = current_database() THEN relid::regclass::text
                  ELSE 'relation ' || relid || ' of ' || work.datname END AS relation,
             extract(epoch FROM clock_timestamp() - a.query_start) AS seconds
      FROM work LEFT JOIN {SESSIONS} AS a USING (pid)) AS w)
"""
"""A plain role sees that others work, and neither at what nor how far: those are counted.

The server's counters stay when a phase ends: each is read in the phase that moves it alone. How
many indexes a vacuum is through is known from 17 on.
"""
