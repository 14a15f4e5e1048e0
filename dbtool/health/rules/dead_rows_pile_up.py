"""A table has many more dead rows than autovacuum should leave.

What it means: queries read past them, indexes grow, and the space is not used again. Either
autovacuum is off for the table, cannot keep up, is locked out, or something old keeps the rows
from being removed, which horizon-pinned names. Who locks it out is named here: autovacuum gives
way to any lock stronger than a writer's, without waiting and without a word in the log.

Reads: the counters of each table, pg_locks and pg_stat_activity; any role may.

Thresholds: twice what the table's own autovacuum settings allow, and at least 10,000 rows; an
error from ten times that on, where they outnumber the live ones. A lock is named once its
transaction is a minute old; that it be ended is proposed where it sits idle in it.

Now: end what locks it out or pins the horizon, where that is named; then VACUUM with the
statement given, which holds nobody up.

For good: a lower autovacuum_vacuum_scale_factor for the table, more workers or a lower
autovacuum_vacuum_cost_delay for the server.

Bad:
```sql
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.5);
```

Good:
```sql
ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0.02);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.lockers import Locker
from dbtool.health.doctor.relations import Table
from dbtool.health.rules import horizon_pinned
from dbtool.health.wording import bracketed, service
from dbtool.report import duration

NAME = rule_name(__name__)
READS = ("tables", "lockers")
FACTOR, WORSE, LEAST = 2, 20, 10_000
NAP_SECONDS = 60
"""How often autovacuum looks at a database; a younger lock has kept it off at most once."""

MANY = "{} tables keep many dead rows"


def check(examined: Examined) -> Iterator[Finding]:
    """Judge each table by its own limit."""
    for table in examined.tables or ():
        if table.dead < max(FACTOR * table.dead_limit, LEAST):
            continue
        error = table.dead >= WORSE * table.dead_limit and table.dead > table.live
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR if error else Severity.WARNING,
            title=f"{table.name} keeps {table.dead:,} dead rows beside {table.live:,} live ones",
            certainty=Certainty.MEASURED,
            evidence=tuple(_why(table, examined)),
            location=Location(name=table.name),
            fix=_fix(table, examined),
        )


def _fix(table: Table, examined: Examined) -> Fix:
    vacuum = f"VACUUM (ANALYZE) {table.name};"
    for locker in _lockers(table, examined):
        if locker.pid is not None and locker.idle:
            return Fix("shell", f"dbtool kill {locker.pid}", label=f"then {vacuum}")
    return Fix("sql", vacuum)


def _lockers(table: Table, examined: Examined) -> tuple[Locker, ...]:
    """Those that have been there for long enough."""
    return tuple(
        each
        for each in examined.lockers or ()
        if each.relation == table.oid and (each.seconds is None or each.seconds >= NAP_SECONDS)
    )


def _who(locker: Locker) -> str:
    if locker.pid is None:
        return "a prepared transaction"
    return f"pid {locker.pid} {bracketed(service(locker.application))}"


def _why(table: Table, examined: Examined) -> Iterator[str]:
    for locker in _lockers(table, examined):
        since = f", open for {duration(locker.seconds)}" if locker.seconds is not None else ""
        yield f"autovacuum gives way to {_who(locker)}, which holds {locker.mode}{since}"
    for pinned in horizon_pinned.check(examined):
        if isinstance(pinned, Finding):
            yield f"they cannot be removed yet: {pinned.title}"
    yield f"autovacuum is due from {table.dead_limit:,.0f} on"
    if not table.autovacuum:
        yield "autovacuum is off for this table"
    if table.vacuumed_seconds is None:
        yield "it was never vacuumed since its counters began"
    else:
        yield f"last vacuumed {duration(table.vacuumed_seconds)} ago"
