"""An index does what another index of the table does already.

Why: an index on (a, b) also serves queries on (a). A second one on (a) is written with every row,
takes memory and answers nothing faster.

When: after the migration both are there, with the same method, condition and order, and the
shorter one does not enforce uniqueness. All versions.

Bad:
```sql
CREATE INDEX CONCURRENTLY orders_status_idx ON orders (status);
CREATE INDEX CONCURRENTLY orders_status_placed_at_idx ON orders (status, placed_at);
```

Good:
```sql
CREATE INDEX CONCURRENTLY orders_status_placed_at_idx ON orders (status, placed_at);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import CreateIndex
from dbtool.lint.code import drop_index
from dbtool.lint.saying import actions_of, place, shown
from dbtool.lint.schema import Index, Table
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)


def check(whole: Whole) -> Iterator[Finding]:
    """Report indexes that are the beginning of another one."""
    said: set[str] = set()
    for seen in actions_of(whole, CreateIndex):
        table = whole.schema.table(seen.action.table)
        made = table.indexes.get(seen.action.index.name) if table else None
        if table is None or made is None:
            continue
        for needless, better in _pairs(made, table):
            # Of two that are equal one is needed.
            if said.isdisjoint((needless.name, better.name)):
                said.add(needless.name)
                of = seen.action.table
                yield Finding(
                    rule=NAME,
                    severity=Severity.NOTE,
                    title=f"{shown(whole.schema, of)}: index {needless.name} is not needed"
                    f" beside {better.name}",
                    certainty=Certainty.PROVEN,
                    evidence=(f"{better.name} begins with ({', '.join(needless.columns)})",),
                    location=place(seen.statement),
                    fix=_fix(needless, made, table),
                )


def _pairs(made: Index, table: Table) -> Iterator[tuple[Index, Index]]:
    """The new index and another, the one that is not needed first."""
    for other in table.indexes.values():
        if other.name == made.name:
            continue
        if _covered(made, other):
            yield made, other
        elif _covered(other, made):
            yield other, made


def _covered(index: Index, other: Index) -> bool:
    """Whether everything an index is good for is in the other one."""
    plain = "" not in index.columns and not index.constraint and index.method == "btree"
    size = len(index.columns)
    same = index.columns == other.columns
    return (
        plain
        and (not index.unique or (same and other.unique))
        and (not index.include or (same and index.include == other.include))
        and index.method == other.method
        and index.predicate == other.predicate
        and index.columns == other.columns[:size]
        and _padded(index)[:size] == _padded(other)[:size]
    )


def _padded(index: Index) -> tuple[str, ...]:
    return index.options or ("",) * len(index.columns)


def _fix(needless: Index, made: Index, table: Table) -> Fix | None:
    if needless.name == made.name:
        return None
    return Fix("python", drop_index(needless.name, table.name), "drop the shorter one")
