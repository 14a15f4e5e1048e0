"""Most of what a statement writes to the WAL are copies of whole pages.

Why: the first change of a page after a checkpoint logs all of it. Changes scattered over many
pages right after a checkpoint, or checkpoints in short succession, multiply the WAL.

When: a statement that writes was measured (`--allow-writes`), it wrote 1 MB of WAL or more, and
whole pages are half of it or more. PostgreSQL 14+.

Bad:
```sql
CHECKPOINT;
UPDATE orders SET total = total + 1 WHERE id % 40 = 0;
```

Good:
```sql
UPDATE shops SET name = name;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.wording import count, memory
from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name

NAME = rule_name(__name__)
LEAST_BYTES = 1_000_000
LEAST_SHARE = 0.5
_PAGE = 8192
_RECORD = 200
"""Bytes of a record without a page in it, generously."""


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report WAL that is mostly whole pages."""
    root = analysis.plan.root
    size, images = root.number("WAL Bytes"), root.number("WAL FPI")
    if size < LEAST_BYTES or images * _PAGE < LEAST_SHARE * size:
        return
    if root.number("WAL Records") * _RECORD > LEAST_SHARE * size:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{memory(size / 1024)} of WAL, most of it {count(images)} copies of whole pages",
        certainty=Certainty.MEASURED,
        evidence=(
            "each page is logged whole at its first change after a checkpoint; later runs of the"
            " statement write less",
        ),
        fix=Fix(
            "sql",
            "SHOW max_wal_size; SHOW checkpoint_timeout; SHOW wal_compression;",
            "checkpoints that come less often, or compression, make it less",
        ),
    )
