"""A materialized view is computed anew while nobody can read it.

Why: REFRESH takes an ACCESS EXCLUSIVE lock until the query behind the view has run. CONCURRENTLY
lets readers go on; it needs a unique index over all rows, keeps other refreshes waiting, and takes
longer. Either way the deploy waits for the query.

When: the view existed before; CONCURRENTLY is only noted. WITH NO DATA takes no time, and leaves a
view that cannot be read. All versions.

Bad:
```sql
REFRESH MATERIALIZED VIEW tag_uses;
```

Good:
```sql
CREATE MATERIALIZED VIEW order_uses AS SELECT status FROM orders WITH NO DATA;
REFRESH MATERIALIZED VIEW order_uses;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import RefreshView
from dbtool.lint.code import autocommit, execute, sql_name
from dbtool.lint.effect import Cause
from dbtool.lint.saying import sure
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (RefreshView,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report REFRESH of a view that others read."""
    for action, effect in subject.actions(RefreshView):
        if not action.with_data and effect.lock.blocks_reads:
            yield _emptied(subject, action)
        if not any(effect.of(Cause.REFRESH)):
            continue
        name, reads = subject.shown(action.view), effect.lock.blocks_reads
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR if reads else Severity.NOTE,
            title=f"{name}: nobody can read it until its query has run"
            if reads
            else f"{name}: other refreshes, and the deploy, wait until its query has run",
            certainty=sure(subject.table(action.view) is not None),
            evidence=(f"{effect.lock.title} lock while the query runs",),
            location=subject.location,
            fix=_fix(subject, action) if reads else None,
        )


def _emptied(subject: Subject, action: RefreshView) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{subject.shown(action.view)}: every query of it fails until it is filled again",
        certainty=sure(subject.table(action.view) is not None),
        evidence=("WITH NO DATA drops its rows; it cannot be read without, SQLSTATE 55000",),
        location=subject.location,
    )


def _fix(subject: Subject, action: RefreshView) -> Fix:
    view = sql_name(action.view)
    refresh = autocommit(execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}"))
    table = subject.table(action.view)
    unique = table is not None and any(
        index.unique and index.predicate is None for index in table.indexes.values()
    )
    label = "let readers go on" if unique else "let readers go on; it needs a unique index"
    return Fix("python", refresh, label)
