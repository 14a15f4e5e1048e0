"""Most of the time goes into fetching blocks that were not in shared buffers.

Why: the statement waits for the operating system or the disk. A first run after a restart does
so once; a table larger than the cache does so always, and only reading fewer blocks helps.

When: 100 blocks or more were read, and that took half of the time or more and 5 ms or more, by
the server's own clock (`track_io_timing`). What several processes waited is divided among them.
One run tells nothing of how well the cache works, so no hit rate is judged. PostgreSQL 14+.

Bad:
```sql
CREATE TABLE wide (id int, a text);
ALTER TABLE wide ALTER a SET STORAGE PLAIN;
INSERT INTO wide SELECT g, repeat('x', 7000) FROM generate_series(1, 12000) g;
VACUUM FULL wide;
SET track_io_timing = on;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) FROM wide;
```

Good:
```sql
SET track_io_timing = on;
SELECT count(*) FROM shops;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.wording import count, duration, memory
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_SHARE = 0.5
LEAST_TIME = 5.0
LEAST_BLOCKS = 100
_BLOCK_KB = 8
_KEYS = tuple(
    f"{scope}I/O {way} Time" for scope in ("", "Shared ", "Local ") for way in ("Read", "Write")
)


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report a statement that waits for blocks."""
    root = analysis.plan.root
    spent = sum(root.number(key) for key in _KEYS) / _processes(analysis)
    whole = analysis.times.total_ms
    read = root.buffers.read if root.buffers else 0
    if not analysis.plan.timed or read < LEAST_BLOCKS:
        return
    if spent < max(LEAST_TIME, LEAST_SHARE * whole):
        return
    cold = analysis.others.runs is not None and analysis.others.runs.cold
    yield Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{percent(min(1.0, spent / whole))} of the time goes into fetching blocks",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{duration(spent)} for {count(read)} blocks ({memory(read * _BLOCK_KB)}) from outside"
            " shared buffers",
            "a later run found them there"
            if cold
            else "--runs 3 tells whether that is so each time, or only the first",
        ),
    )


def _processes(analysis: Analysis) -> float:
    """How many processes waited at once; what the leader did alone makes this an upper bound."""
    launched = (node.number("Workers Launched") for node in analysis.ran if node.is_gather)
    return 1.0 + max(launched, default=0.0)
