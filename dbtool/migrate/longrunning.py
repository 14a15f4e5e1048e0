"""How far a long statement of a migration is, where the server tells."""

from typing import TYPE_CHECKING

from dbtool.migrate.glance import Glance, Own
from dbtool.migrate.runlog import Tell
from dbtool.report import duration

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_FIRST = 5.0
_GROWTH = 2.0
_SELDOM = 120.0

# For a session without a row in any of the views nothing but the time is known.
_HOW_FAR = """
    SELECT pg_catalog.left(a.query, 120) AS query, p.phase, p.done, p.total, p.unit
      FROM pg_catalog.pg_stat_activity a LEFT JOIN LATERAL (
        SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done
                      WHEN tuples_total > 0 THEN tuples_done ELSE lockers_done END AS done,
               CASE WHEN blocks_total > 0 THEN blocks_total
                      WHEN tuples_total > 0 THEN tuples_total ELSE lockers_total END AS total,
               CASE WHEN blocks_total > 0 THEN 'blocks'
                      WHEN tuples_total > 0 THEN 'rows' ELSE 'transactions' END AS unit
          FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1
        UNION ALL
        SELECT phase, heap_blks_scanned, heap_blks_total, 'blocks'
          FROM pg_catalog.pg_stat_progress_cluster WHERE pid = $1
        UNION ALL
        SELECT phase, heap_blks_scanned, heap_blks_total, 'blocks'
          FROM pg_catalog.pg_stat_progress_vacuum WHERE pid = $1
        UNION ALL
        SELECT phase, sample_blks_scanned, sample_blks_total, 'blocks'
          FROM pg_catalog.pg_stat_progress_analyze WHERE pid = $1
        UNION ALL
        SELECT command, tuples_processed, 0, 'rows'
          FROM pg_catalog.pg_stat_progress_copy WHERE pid = $1
      ) p ON true
     WHERE a.pid = $1 LIMIT 1
"""


class LongStatements:
    """Says of a statement that takes long what it is, how far it is, and since when it runs."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._next: dict[int, float] = {}

    async def see(self, connection: "Connection", seen: Glance) -> None:
        """Tell of statements that run for 5 s, 10 s, 20 s …, and then every two minutes."""
        for own in seen.sessions:
            runs = own.runs or 0.0
            if runs < _FIRST:
                self._next.pop(own.pid, None)
            elif not own.waits and runs >= self._next.get(own.pid, _FIRST):
                self._next[own.pid] = min(runs * _GROWTH, runs + _SELDOM)
                await self._say(connection, own)

    async def _say(self, connection: "Connection", own: Own) -> None:
        row = await connection.fetchrow(_HOW_FAR, own.pid)
        if row is None or own.runs is None:
            return
        query, phase, done, total, unit = row
        text = " ".join((query or "a statement").split())
        far = f", {phase}" if phase else ""
        if total:
            far += f": {done:,} of {total:,} {unit} ({done / total:.0%})".replace("%", " %")
        elif phase and done:
            far += f": {done:,} {unit}"
        self._tell(
            f"still running after {duration(own.runs)}{far}: {text}",
            "running",
            seconds=own.runs,
            phase=phase,
            done=done if phase else None,
            total=total or None,
            unit=unit if phase else None,
            statement=text,
        )
