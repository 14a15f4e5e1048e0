"""An application's pool is used up, and most of its connections were taken at one line.

What it means: callers get a connection only when one comes back, and most of them are out on one
code path: it keeps them too long, or is called more often at once than the pool has connections.
Look there before you raise the pool size: a larger pool only moves the queue to the server.

Reads: the socket of the probe that `dbtool.probe.install` opens in the application, which
remembers the line that took each connection.

Thresholds: all of pool_size + max_overflow in use, and at least half of them, and 2, taken at the
same lines. It is an error while callers wait or where one gave up within the last minute.

Now: `dbtool locks` tells whether these connections wait for a lock; `dbtool now` what they run.

For good: give the connection back before you do something slow that needs no database, and bound
how many of these run at once.

Bad:
```python
async with Session() as session:
    user = await session.get(User, user_id)
    answer = await client.post(url, json=user.profile)  # holds a connection all the while
```

Good:
```python
async with Session() as session:
    profile = (await session.get(User, user_id)).profile
answer = await client.post(url, json=profile)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.health.attach import Attached, CallSite, Process
from dbtool.report import counted, duration

NAME = rule_name(__name__)
LEAST_HELD = 2
LEAST_SHARE = 0.5


def check(attached: Attached) -> Iterator[Finding]:
    """Look for pools that are used up by one place."""
    for process in attached.processes:
        place = max(process.places, key=lambda each: each.held, default=None)
        if process.full and place and place.frames:
            least = max(LEAST_HELD, LEAST_SHARE * process.used)
            if place.held >= least:
                yield _finding(process, place)


def _finding(process: Process, place: CallSite) -> Finding:
    waited = process.pending or process.recent.timeouts
    taken = place.frames[0]
    return Finding(
        rule=NAME,
        severity=Severity.ERROR if waited else Severity.WARNING,
        title=f"{process}: all {counted(process.used, 'connection')} in use,"
        f" {place.held:,} of them taken in {taken.function}",
        certainty=Certainty.MEASURED,
        evidence=(
            f"held for {duration(place.ages[-1])} to {duration(place.ages[0])};"
            f" {process.pending:,} waiting,"
            f" {counted(process.recent.timeouts, 'timeout')} in the last minute",
            *(f"called from {frame}" for frame in place.frames[1:]),
        ),
        location=Location(taken.file, taken.line),
    )
