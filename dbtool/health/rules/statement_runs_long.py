"""A statement has been running for minutes.

What it means: for an application that answers requests it is lost work, for the caller has
given up; for a report or a migration it may be as it should. While it runs, vacuum cannot
remove rows that died since it began, and a migration that wants its table waits for it.

Reads: pg_stat_activity. Without pg_monitor other roles' statements are hidden, which
transaction-held-idle says.

Thresholds: a note from 60 s on, a warning from 10 minutes on; never an error, since nothing but
its purpose tells whether it is too long. Statements that wait for a lock are not counted here.

Now: `dbtool kill PID --dry-run` shows what it is and who waits for it, and `dbtool kill PID`
cancels it; `dbtool explain` shows why it takes so long.

For good: set a statement_timeout for the application's role a little above its request timeout.

Bad:
```sql
ALTER ROLE api RESET statement_timeout;
```

Good:
```sql
ALTER ROLE api SET statement_timeout = '30s';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.health.now import Now
from dbtool.health.wording import bracketed, service
from dbtool.report import duration

NAME = rule_name(__name__)
NOTE_SECONDS = 60
WARNING_SECONDS = 600


def check(now: Now) -> Iterator[Finding]:
    """Judge the statement that has run for longest."""
    activity = now.vitals.activity
    longest = activity.longest if activity else None
    if longest is None or longest.seconds < NOTE_SECONDS:
        return
    force = " --force" if longest.superuser else ""
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING if longest.seconds >= WARNING_SECONDS else Severity.NOTE,
        title=f"pid {longest.pid} {bracketed(service(longest.application))} has run one statement"
        f" for {duration(longest.seconds)}",
        certainty=Certainty.MEASURED,
        evidence=(f"role {longest.role}: {longest.query}",),
        fix=Fix(
            "shell",
            f"dbtool kill {longest.pid} --dry-run{force}",
            label="shows what it is and who waits for it; without --dry-run it is cancelled",
        ),
    )
