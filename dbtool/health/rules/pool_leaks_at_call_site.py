"""Connections that were taken at one line, one after the other, and did not come back.

What it means: one code path takes a connection and loses it, on an early return or an error. Each
time it runs the pool has one less, until callers wait for the whole pool timeout and fail. A
burst looks different: its connections were taken at the same time.

Reads: the socket of the probe that `dbtool.probe.install` opens in the application, which
remembers the line that took each connection, and how long others from there were used.

Thresholds: at least 3 connections taken at the same lines, each held for at least the threshold
of the probe (2 s), with ages spread over at least half of the oldest without one gap that holds
most of the spread; and each held for at least 5 times as long as others from there were used
on average, or where none came back yet, the oldest for 10 times the threshold. Always heuristic.

Now: restart the process when its pool is nearly used up; its connections end with it.

For good: let a context manager own the session or connection.

Bad:
```python
session = Session()
user = await session.get(User, user_id)
if user is None:
    raise HTTPException(404)  # the session is never closed
await session.close()
```

Good:
```python
async with Session() as session:
    user = await session.get(User, user_id)
    if user is None:
        raise HTTPException(404)
```
"""

from collections.abc import Iterator
from itertools import pairwise

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.attach import Attached, CallSite, Process
from dbtool.report import counted, duration

NAME = rule_name(__name__)
LEAST_HELD = 3
LEAST_SPREAD = 0.5
"""Part of the oldest age that the ages must span."""
WIDEST_GAP = 0.8
"""Part of that span that one gap may take; a wider one means two bursts."""
TIMES_USUAL = 5.0
TIMES_THRESHOLD = 10.0


def check(attached: Attached) -> Iterator[Finding]:
    """Look for lines whose connections went one by one."""
    for process in attached.processes:
        for place in filter(lambda each: each.frames, process.places):
            ages = sorted(age for age in place.ages if _stays(process, place, age))
            if len(ages) >= LEAST_HELD and _known(process, place) and _spread(ages):
                yield _finding(process, place, ages)


def _stays(process: Process, place: CallSite, age: float) -> bool:
    usual = place.returned_seconds / place.returned if place.returned else 0.0
    return age >= max(process.threshold, TIMES_USUAL * usual)


def _known(process: Process, place: CallSite) -> bool:
    return bool(place.returned) or place.ages[0] >= TIMES_THRESHOLD * process.threshold


def _spread(ages: list[float]) -> bool:
    span = ages[-1] - ages[0]
    widest = max(later - earlier for earlier, later in pairwise(ages))
    return span >= LEAST_SPREAD * ages[-1] and widest <= WIDEST_GAP * span


def _finding(process: Process, place: CallSite, ages: list[float]) -> Finding:
    taken = place.frames[0]
    back = "none from there came back"
    if place.returned:
        usual = duration(place.returned_seconds / place.returned)
        back = f"{place.returned:,} others from there came back, after {usual} on average"
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{process}: {counted(len(ages), 'connection')} look leaked,"
        f" taken one by one in {taken.function}",
        certainty=Certainty.HEURISTIC,
        evidence=(
            f"held for {duration(ages[0])} to {duration(ages[-1])}; {back}",
            *(f"called from {frame}" for frame in place.frames[1:]),
        ),
        location=Location(taken.file, taken.line),
        fix=Fix(
            "python",
            "async with Session() as session:\n    ...",
            label="let a context manager own what is taken there",
        ),
    )
