"""WAL archiving fails: backups have a gap, and pg_wal grows until the disk is full.

What it means: archive_command or the archive library returns an error. The server keeps every
WAL file until it has been archived, and tries again for ever. Point-in-time recovery ends at
the last file that was archived.

Reads: pg_stat_archiver and archive_mode; any role may.

Thresholds: a warning from a minute on, an error from 10 minutes on, counted from the last success
before the failure, however little there was to archive since. After a failover nobody knows for
how long, until the first success since the promotion, nor where the server was started again
before the first on its new timeline, or a crash took the counters: a warning. A standby is looked
at only where archive_mode is always.

Now: the server's log has the command's own message; try the command by hand as the server's
user.

For good: alert on it, and keep room on the disk of pg_wal for as long as it takes you to react.

Bad:
```ini
archive_command = 'cp %p /mnt/backup/%f'  # and /mnt/backup is full
```

Good:
```ini
archive_command = 'test ! -f /mnt/backup/%f && cp %p /mnt/backup/%f'
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.health.now import Now
from dbtool.health.vitals import Archiving
from dbtool.report import counted, duration

NAME = rule_name(__name__)
WARNING_SECONDS = 60
ERROR_SECONDS = 600


def check(now: Now) -> Iterator[Finding]:
    """Report a last attempt that failed, once nothing has got through for a while."""
    archiving = now.vitals.archiving
    if archiving is None or archiving.mode == "off" or not archiving.fails:
        return
    seconds = archiving.failing_seconds
    if seconds is None:
        where = f" on timeline {int(archiving.timeline, 16)}" if archiving.timeline else ""
        title = f"no WAL is known to be archived{where}, and the last attempt failed"
        yield _finding(archiving, Severity.WARNING, title)
    elif seconds >= WARNING_SECONDS:
        severity = Severity.ERROR if seconds >= ERROR_SECONDS else Severity.WARNING
        yield _finding(archiving, severity, f"no WAL has been archived for {duration(seconds)}")


def _finding(archiving: Archiving, severity: Severity, title: str) -> Finding:
    return Finding(
        rule=NAME,
        severity=severity,
        title=title,
        certainty=Certainty.MEASURED,
        evidence=(
            f"{counted(archiving.failed, 'failure')}, the last one for {archiving.last_failed}",
        ),
    )
