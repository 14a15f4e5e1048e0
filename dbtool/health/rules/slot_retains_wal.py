"""A replication slot keeps WAL that nobody fetches, until the disk is full or the slot is lost.

What it means: a slot promises its consumer that no WAL is removed that it has not read. When
the consumer is gone for good (a dropped replica, a logical subscriber that was switched off)
the promise still holds: pg_wal grows until the disk is full and the server stops, or until
max_slot_wal_keep_size is reached and the slot is of no use any more.

Reads: pg_replication_slots, and pg_stat_wal for how fast WAL is written; any role may. That is
an average since its counters were reset, with quiet nights and stops in it: a burst is faster.
How much room the disk has left is not to be seen through SQL.

Thresholds: a warning for a slot without a consumer that keeps 5 GB, or whose WAL exceeds
max_wal_size (wal_status extended) without a consumer; an error where the WAL is about to be
removed or is lost (unreserved, lost). postgres_exporter's rules alert on any inactive slot,
pgdoctor from 1 and 5 GiB.

Now: bring the consumer back; if it will never come back, drop the slot with the statement given.
A slot that is lost, to the WAL's limit or since 16 for another reason, is only to be dropped.

For good: set max_slot_wal_keep_size, so that a forgotten slot cannot stop the server.

Bad:
```sql
SELECT pg_create_physical_replication_slot('trial', true);  -- and nobody ever connects
```

Good:
```sql
SELECT pg_drop_replication_slot('trial');
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.health.now import Now
from dbtool.health.vitals import Slot
from dbtool.report import duration

NAME = rule_name(__name__)
WARNING_BYTES = 5 << 30
AT_RISK = ("unreserved", "lost")
HOUR = 3600
TOLD_BYTES = 100 << 20
"""An hourly pace below this is none worth telling."""


def check(now: Now) -> Iterator[Finding]:
    """Judge each slot by what it keeps and whether anybody reads it."""
    for slot in now.vitals.slots or ():
        severity = _severity(slot)
        if severity is not None:
            yield Finding(
                rule=NAME,
                severity=severity,
                title=_title(slot),
                certainty=Certainty.MEASURED,
                evidence=tuple(_evidence(slot)),
                fix=_drop(slot),
            )


def _severity(slot: Slot) -> Severity | None:
    if slot.status in AT_RISK:
        return Severity.ERROR
    large = (slot.retained or 0) >= WARNING_BYTES or slot.status == "extended"
    return Severity.WARNING if large and not slot.active else None


def _title(slot: Slot) -> str:
    if slot.status == "lost":
        return f'replication slot "{slot.name}" is lost: it serves its consumer no more'
    consumer = "its consumer is behind" if slot.active else "nobody reads it"
    return f'replication slot "{slot.name}" keeps {_gigabytes(slot.retained)} of WAL, {consumer}'


def _evidence(slot: Slot) -> Iterator[str]:
    yield f"wal_status {slot.status}"
    if slot.status == "lost":
        return
    pace = slot.pace or 0.0
    average = f"{_gigabytes(int(pace * HOUR))} an hour"
    told = pace * HOUR >= TOLD_BYTES
    if slot.safe is not None and slot.safe <= 0:
        yield "the next checkpoint may remove what it needs"
    elif slot.safe is not None:
        left = (
            f", in about {duration(slot.safe / pace)} at the average of {average}" if told else ""
        )
        yield f"{_gigabytes(slot.safe)} may be written before it is lost{left}"
    else:
        hourly = f"; the server has written {average} on average" if told else ""
        yield f"no max_slot_wal_keep_size: it grows until the disk of pg_wal is full{hourly}"


def _gigabytes(size: int | None) -> str:
    return f"{(size or 0) / (1 << 30):.1f} GB"


def _drop(slot: Slot) -> Fix | None:
    if slot.active:
        return None
    name = slot.name.replace("'", "''")
    label = "only if its consumer will never come back"
    if slot.status == "lost":
        label = "nothing brings it back: its consumer has to be built anew, with a new slot"
    return Fix("sql", f"SELECT pg_drop_replication_slot('{name}');", label=label)
