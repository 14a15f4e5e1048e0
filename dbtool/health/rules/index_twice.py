"""Two indexes that are the same but for their names.

What it means: one of them does nothing but cost writes, memory and vacuum; the planner takes
either. They come of a migration that was written twice, of `index=True` beside an Index, or of
a unique constraint beside a unique index.

Reads: pg_index; any role may.

Thresholds: same table, method, columns, operator classes, collations, order, expressions and
predicate. Of such a pair the one that is not unique, backs no constraint and is no replica
identity is named; of equals the later one.

Now: nothing is urgent.

For good: drop the one named, and remove it from the models, or the next autogenerate creates it
anew.

Bad:
```sql
CREATE UNIQUE INDEX users_email_idx ON users (email);
ALTER TABLE users ADD UNIQUE (email);  -- makes an index of its own
```

Good:
```sql
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_idx;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.relations import Index
from dbtool.health.wording import size

NAME = rule_name(__name__)
READS = ("indexes",)
MANY = "{} indexes are there twice"


def check(examined: Examined) -> Iterator[Finding]:
    """Name all but the most needed of each set of equals."""
    equals: dict[tuple[object, ...], list[Index]] = {}
    for index in examined.indexes or ():
        if index.valid and not index.partition:
            equals.setdefault(_form(index), []).append(index)
    for same in equals.values():
        kept, *spare = sorted(same, key=_need)
        for index in spare:
            if index.constraint or index.replica_identity or (index.unique and not kept.unique):
                continue
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"index {index.name} is the same as {kept.name} ({size(index.bytes)})",
                certainty=Certainty.MEASURED,
                location=Location(name=index.name),
                fix=Fix("sql", f"DROP INDEX CONCURRENTLY {index.name};"),
            )


def _form(index: Index) -> tuple[object, ...]:
    compared = (index.relation, index.method, index.keys, index.columns, index.classes)
    rest = (index.collations, index.options, index.expressions, index.predicate)
    return (*compared, *rest)


def _need(index: Index) -> tuple[bool, bool, bool, bool, int]:
    """What is needed most comes first."""
    return (
        not index.primary,
        not index.constraint,
        not index.replica_identity,
        not index.unique,
        index.oid,
    )
