"""The SQL that ends what a finding names: all of it, and nothing else."""

from collections.abc import Iterable

from dbtool.finding import Fix
from dbtool.health.participant import Session

_PER_LINE = 8
_RIGHTS = "(same role, pg_signal_backend or superuser)"


def terminate(pids: Iterable[int], seen: str) -> Fix:
    """End sessions that have been idle in a transaction since they were seen."""
    pids = sorted(pids)
    lines = [pids[start : start + _PER_LINE] for start in range(0, len(pids), _PER_LINE)]
    listed = ",\n              ".join(", ".join(map(str, line)) for line in lines)
    return Fix(
        "sql",
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity\n"
        f"WHERE pid IN ({listed})\n"
        "  AND state LIKE 'idle in transaction%'\n"
        f"  AND state_change < '{seen}';",
        label=f"ends exactly these sessions, if they have done nothing since {_RIGHTS}",
    )


def cancel(session: Session) -> Fix:
    """End the statement a session runs, if it is still the one that was seen."""
    return Fix(
        "sql",
        "SELECT pid, pg_cancel_backend(pid) FROM pg_stat_activity\n"
        f"WHERE pid = {session.pid} AND state = 'active'\n"
        f"  AND query_start = '{session.query_start}';",
        label=f"cancels this statement only, and its transaction fails {_RIGHTS}",
    )
