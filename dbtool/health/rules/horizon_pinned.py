"""Something old keeps vacuum from removing dead rows, anywhere in the database.

What it means: a row that died is kept for as long as anybody might still see it. A transaction
forgotten for hours, a prepared transaction nobody finishes, a replication slot without a
consumer or a standby with hot_standby_feedback holds the horizon for all tables at once; they
grow, and the transaction ids run towards their end.

One that has written counts wherever it is, for all later snapshots look past it; one that only
reads counts in its own database.

Reads: pg_stat_activity, pg_replication_slots, pg_prepared_xacts, pg_stat_replication. Without
pg_monitor other roles' sessions are hidden, and the check says so.

Thresholds: a warning from 100,000 transactions and 5 minutes on, an error from 10 million or an
hour with as many; check_pgactivity counts transactions only, pganalyze 24 hours.

Now: look at the session (`dbtool kill PID --dry-run`) and end it, finish the prepared
transaction, or drop the slot that nobody uses. Behind one in use stands its consumer: a standby
with an old query, or a subscriber that is behind.

For good: idle_in_transaction_session_timeout for the application's role, max_slot_wal_keep_size
and idle_replication_slot_timeout (18) for slots.

Bad:
```sql
SELECT pg_create_logical_replication_slot('trial', 'pgoutput');  -- nobody ever reads it
```

Good:
```sql
ALTER ROLE api SET idle_in_transaction_session_timeout = '60s';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, Unknown, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.instance import Pin
from dbtool.health.sight import hidden_states
from dbtool.report import duration

NAME = rule_name(__name__)
READS = ("horizon",)
WARNING_XIDS, ERROR_XIDS = 100_000, 10_000_000
WARNING_SECONDS, ERROR_SECONDS = 300, 3600
MANY = "{} things keep vacuum from removing rows"


def check(examined: Examined) -> Iterator[Finding | Unknown]:
    """Judge each holder by its age."""
    yield from hidden_states(NAME, examined)
    for pin in examined.horizon or ():
        long = pin.seconds is None or pin.seconds >= WARNING_SECONDS
        if pin.age < WARNING_XIDS or not long:
            continue
        error = pin.age >= ERROR_XIDS or (pin.seconds or 0) >= ERROR_SECONDS
        since = f" and {duration(pin.seconds)}" if pin.seconds is not None else ""
        name = f"{pin.kind} {pin.name}"
        told = f"used {name}" if pin.used else name
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR if error else Severity.WARNING,
            title=f"{told} holds the horizon for {pin.age:,} transactions{since}",
            certainty=Certainty.MEASURED,
            location=Location(name=name),
            fix=_end(pin),
        )


def _end(pin: Pin) -> Fix | None:
    if pin.kind == "session":
        pid = pin.name.removeprefix("pid ").partition(",")[0]
        label = "shows what it is, perhaps a backup; without --dry-run it is ended"
        return Fix("shell", f"dbtool kill {pid} --dry-run", label=label)
    if pin.kind == "replication slot" and not pin.used:
        label = "only if its consumer will never come back"
        return Fix("sql", f"SELECT pg_drop_replication_slot('{literal(pin.name)}');", label=label)
    if pin.kind == "prepared transaction":
        label = "only if its transaction manager is gone; or COMMIT PREPARED"
        return Fix("sql", f"ROLLBACK PREPARED '{literal(pin.name)}';", label=label)
    return None


def literal(text: str) -> str:
    """The inside of a literal."""
    return text.replace("'", "''")
