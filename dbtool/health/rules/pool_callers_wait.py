"""Callers of an application's pool wait long for a connection, or gave up waiting.

What it means: requests stand in the application before any statement reaches the server, so its
statistics look healthy. Where the pool is not used up, the time goes into opening or testing
connections.

Reads: the socket of the probe that `dbtool.probe.install` opens in the application.

Thresholds: a warning where one in twenty of the last minute's waits took a tenth of pool_timeout
or longer, if there are at least 20, or where a caller that waits now has waited for that long; an
error where one gave up within the last minute. A pool_timeout of 30 s, the default, hides an
outage for as long.

Now: `dbtool pool attach` names the lines that hold the connections.

For good: hold connections for less time, then size the pool for the work; keep pool_timeout below
a third of what a request may take.

Bad:
```python
engine = create_async_engine(url)  # waits up to 30 s
```

Good:
```python
engine = create_async_engine(url, pool_timeout=3)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.health.attach import Attached, Process
from dbtool.report import counted, duration

NAME = rule_name(__name__)
SHARE_OF_TIMEOUT = 0.1
LEAST_WAITS = 20
"""Fewer may all have opened their connection."""


def check(attached: Attached) -> Iterator[Finding]:
    """Look for waits that are long, and for those that were given up."""
    for process in attached.processes:
        recent = process.recent
        if recent.timeouts:
            times = counted(recent.timeouts, "caller")
            title = f"{process}: {times} got no connection in the last minute"
            yield _finding(process, Severity.ERROR, title)
        elif process.pool.timeout:
            usual = recent.wait_p95 if recent.waits >= LEAST_WAITS else 0.0
            long = max(usual, process.oldest_pending)
            if long >= SHARE_OF_TIMEOUT * process.pool.timeout:
                title = f"{process}: callers wait {duration(long)} for a connection"
                yield _finding(process, Severity.WARNING, title)


def _finding(process: Process, severity: Severity, title: str) -> Finding:
    pool, recent = process.pool, process.recent
    limit = f", pool_timeout is {duration(pool.timeout)}" if pool.timeout else ""
    of = f" of {pool.capacity:,}" if pool.capacity is not None else ""
    return Finding(
        rule=NAME,
        severity=severity,
        title=title,
        certainty=Certainty.MEASURED,
        evidence=(
            f"{process.used:,}{of} in use, {process.pending:,} waiting{limit}",
            f"waits of the last minute: median {duration(recent.wait_p50)},"
            f" 95 % below {duration(recent.wait_p95)}, longest {duration(recent.wait_longest)}",
        ),
        location=Location(name=pool.name),
    )
