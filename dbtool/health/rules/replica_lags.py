"""A replica replays changes late, or this server is one and is late itself.

What it means: whoever reads from the replica sees the past, and where it is synchronous
commits on the primary wait for it. A replica falls behind when it is slower than the primary
writes, when its disk or the network is, or when a long query on it holds up the replay.

Reads: pg_stat_replication, and on a standby pg_stat_wal_receiver and the functions of replay.
Without pg_monitor the lag of other roles' connections is hidden and the check says so.

Thresholds: a warning from 10 s on, an error from 60 s on; a warning on a standby whose replay is
paused, or that has lost the stream from its primary. pghero takes 5 s, pgdoctor 0.25 and 1 s,
which a burst of writes exceeds by itself. A standby that is fed from an archive is unknown.

Now: look at the replica for long queries (`dbtool locks` there) and at its disk.

For good: read from the primary where a request must see its own writes, and set
max_standby_streaming_delay on the replica to what its readers may cost.

Bad:
```python
await primary.commit()
order = await replica.get(Order, order_id)  # may not be there yet
```

Good:
```python
await primary.commit()
order = await primary.get(Order, order_id)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, Unknown, rule_name
from dbtool.health.now import Now
from dbtool.health.vitals import Replication
from dbtool.report import counted, duration

NAME = rule_name(__name__)
WARNING_SECONDS = 10
ERROR_SECONDS = 60


def check(now: Now) -> Iterator[Finding | Unknown]:
    """Compare each lag that can be seen with the thresholds."""
    replication = now.vitals.replication
    if replication is None:
        return
    if replication.paused:
        yield _paused(replication)
    elif (replication.delay_seconds or 0) >= WARNING_SECONDS:
        yield _finding("this standby", replication.delay_seconds or 0, ())
    if replication.streaming is False:
        yield _unfed(replication)
    hidden = 0
    for replica in replication.replicas:
        hidden += replica.state is None
        if (replica.lag_seconds or 0) >= WARNING_SECONDS:
            kind = f"state {replica.state}, {replica.sync_state}"
            size = f", {replica.lag_bytes:,} bytes behind" if replica.lag_bytes is not None else ""
            name = f'replica "{replica.application}"'
            yield _finding(name, replica.lag_seconds or 0, (f"{kind}{size}",))
    if hidden:
        yield Unknown(
            rule=NAME,
            reason=f"role {now.rights.role} may not see the lag of {counted(hidden, 'replica')}",
            decide=now.rights.grant,
        )


def _paused(replication: Replication) -> Finding:
    behind = f", {duration(replication.delay_seconds)} behind" if replication.delay_seconds else ""
    late = (replication.delay_seconds or 0) >= ERROR_SECONDS
    return Finding(
        rule=NAME,
        severity=Severity.ERROR if late else Severity.WARNING,
        title=f"replay on this standby is paused{behind}: who reads from it sees the past",
        certainty=Certainty.MEASURED,
        evidence=(f"{replication.unreplayed or 0:,} bytes are received and not replayed",),
        fix=Fix("sql", "SELECT pg_wal_replay_resume();", label="goes on"),
    )


def _unfed(replication: Replication) -> Finding | Unknown:
    """Nothing streams in: that it has replayed all it has says nothing of the primary."""
    if replication.unreplayed is None:
        return Unknown(
            rule=NAME,
            reason="nothing is streamed to this standby, so how late it is cannot be seen here",
            decide="compare pg_last_xact_replay_timestamp() with the primary's last commit",
        )
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title="this standby has lost the stream from its primary and falls behind",
        certainty=Certainty.MEASURED,
        evidence=("it has received WAL since it started, and no WAL receiver runs now",),
    )


def _finding(name: str, seconds: float, evidence: tuple[str, ...]) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.ERROR if seconds >= ERROR_SECONDS else Severity.WARNING,
        title=f"{name} is {duration(seconds)} behind",
        certainty=Certainty.MEASURED,
        evidence=evidence,
    )
