"""A prepared transaction has been waiting for its decision for long.

What it means: between PREPARE TRANSACTION and its decision lie milliseconds, unless the
transaction manager has crashed or forgotten it. It keeps its locks and holds back vacuum in
its whole database, also over restarts, and nothing but pg_prepared_xacts shows it.

Reads: pg_prepared_xacts; any role may.

Thresholds: a warning from 60 s on, an error from 10 minutes on. check_postgres takes 1 and 30 s.
One that others wait for is told by prepared-transaction-blocks.

Now: ask the transaction manager how it was to end, and say COMMIT PREPARED or ROLLBACK PREPARED.

For good: let the transaction manager recover what it left, and keep max_prepared_transactions
= 0 where nothing uses them.

Bad:
```sql
PREPARE TRANSACTION 'transfer-4711';  -- and nobody remembers
```

Good:
```sql
PREPARE TRANSACTION 'transfer-4711';
COMMIT PREPARED 'transfer-4711';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.health.now import Now
from dbtool.report import counted, duration

NAME = rule_name(__name__)
WARNING_SECONDS = 60
ERROR_SECONDS = 600


def check(now: Now) -> Iterator[Finding]:
    """Judge the oldest one."""
    undecided = now.vitals.undecided
    oldest = (undecided and undecided.oldest_seconds) or 0
    if undecided is not None and oldest >= WARNING_SECONDS:
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR if oldest >= ERROR_SECONDS else Severity.WARNING,
            title=f"{counted(undecided.count, 'prepared transaction')} undecided,"
            f" the oldest for {duration(oldest)}",
            certainty=Certainty.MEASURED,
            fix=Fix(
                "sql",
                "SELECT gid, prepared, owner, database FROM pg_prepared_xacts ORDER BY prepared;",
                label="whoever prepared them decides: COMMIT PREPARED or ROLLBACK PREPARED",
            ),
        )
