"""One transaction locks several tables that are in use, one after the other.

Why: each lock is held until the transaction ends. While it waits for the second table nobody can
use the first, and a program that uses both in the other order brings a deadlock: one of the two
is cancelled with error 40P01.

When: different statements of a transaction take ACCESS EXCLUSIVE locks on different tables that
existed before. Two tables are only noted. Give each table a revision of its own, with
`transaction_per_migration=True`. All versions.

Bad:
```sql
BEGIN;
ALTER TABLE orders ADD COLUMN remark text;
ALTER TABLE users ADD COLUMN remark text;
COMMIT;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN remark text;
ALTER TABLE users ADD COLUMN remark text;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import Drop, DropIndex
from dbtool.lint.effect import Lock
from dbtool.lint.saying import place, shown, transactions
from dbtool.lint.schema import Name
from dbtool.lint.subject import Judged, Whole

NAME = rule_name(__name__)

_FEW = 2
_MOST = 4


def check(whole: Whole) -> Iterator[Finding]:
    """Report each transaction that locks more than one table, at the second."""
    for statements in transactions(whole):
        first: dict[Name, Judged] = {}
        for judged in statements:
            for name in _locked(judged):
                first.setdefault(name, judged)
        lines = [*dict.fromkeys(id(judged) for judged in first.values())]
        if len(first) < 2 or len(lines) < 2:
            continue
        second = next(each for each in first.values() if id(each) == lines[1])
        names = ", ".join(shown(whole.schema, name) for name in [*first][:_MOST])
        names += f" and {len(first) - _MOST} more" if len(first) > _MOST else ""
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING if len(first) > _FEW else Severity.NOTE,
            title=f"{len(first)} tables are locked in one transaction: {names}",
            certainty=Certainty.PROVEN,
            evidence=(
                "ACCESS EXCLUSIVE locks, each held until the end; programs that use the tables"
                " in another order run into a deadlock",
            ),
            location=place(second.statement),
        )


def _locked(judged: Judged) -> Iterator[Name]:
    """The table of each action; what its partitions and relations take is not counted."""
    for step in judged.steps:
        if isinstance(step.action, Drop):
            continue
        found = [each.relation for each in step.effect.locks if each.lock is Lock.ACCESS_EXCLUSIVE]
        if isinstance(step.action, DropIndex):
            # Where nobody knows its table, the index stands for it.
            found = [each for each in found if each.name != step.action.index.name]
        own = getattr(step.action, "table", None)
        named = [each for each in found if own is not None and each.name == own.name]
        yield from (named or found)[:1]
