"""An index whose columns are the first columns of another one.

What it means: a search by (a) is answered by an index over (a, b) as well, so the short index
mostly costs writes. It can still be worth its place: it is smaller, and a column that changes
often in the longer one makes updates dearer.

Reads: pg_index; any role may.

Thresholds: btree over plain columns, without a predicate, of the same operator classes,
collations and order, and the short one neither unique nor behind a constraint.

Now: nothing is urgent.

For good: compare how often each is scanned (pg_stat_user_indexes), then drop the short one.

Bad:
```sql
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (customer_id, created_at);
```

Good:
```sql
CREATE INDEX ON orders (customer_id, created_at);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.relations import Index
from dbtool.health.wording import size

NAME = rule_name(__name__)
READS = ("indexes",)
MANY = "{} indexes are the beginning of another"


def check(examined: Examined) -> Iterator[Finding]:
    """Name each short index once, with the longer one that covers it."""
    plain = [each for each in examined.indexes or () if _plain(each)]
    by_table: dict[int, list[Index]] = {}
    for index in plain:
        by_table.setdefault(index.relation, []).append(index)
    for index in plain:
        needed = index.unique or index.constraint or index.replica_identity or index.partition
        longer = next((each for each in by_table[index.relation] if _begins(index, each)), None)
        if needed or longer is None:
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"index {index.name} is the beginning of {longer.name} ({size(index.bytes)})",
            certainty=Certainty.HEURISTIC,
            evidence=(f"{index.scans:,} scans of it, {longer.scans:,} of {longer.name}",),
            location=Location(name=index.name),
            fix=Fix("sql", f"DROP INDEX CONCURRENTLY {index.name};"),
        )


def _plain(index: Index) -> bool:
    simple = index.method == "btree" and not index.expressions and not index.predicate
    return simple and index.valid and "0" not in index.attributes


def _begins(short: Index, long: Index) -> bool:
    """Whether the keys of one are the first keys of the other; INCLUDE columns must be there."""
    if short.keys >= long.keys:
        return False
    included = set(short.columns.split()[short.keys :])
    return included <= set(long.columns.split()) and all(
        _first(getattr(short, name), short.keys) == _first(getattr(long, name), short.keys)
        for name in ("columns", "classes", "collations", "options")
    )


def _first(numbers: str, many: int) -> list[str]:
    return numbers.split()[:many]
