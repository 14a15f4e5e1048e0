"""A table stays locked while the same transaction works on, in proportion to some table's size.

Why: an ALTER TABLE that takes a moment holds its ACCESS EXCLUSIVE lock until the transaction ends.
An index build, a scan or a rewrite behind it makes everybody wait for the first table, too.

When: an earlier statement of the transaction has locked a table that existed before. The work
has a rule of its own; this one is about the table that is held. All versions.

Bad:
```sql
BEGIN;
ALTER TABLE orders ADD COLUMN remark text;
CREATE INDEX items_sku_idx ON items (sku);
COMMIT;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN remark text;
CREATE INDEX items_sku_idx ON items (sku);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.effect import Cause, Lock, Work
from dbtool.lint.saying import place, shown, transactions
from dbtool.lint.schema import Name
from dbtool.lint.subject import Judged, Whole

NAME = rule_name(__name__)
_OTHER_RULES = (Cause.ROWS_CHANGED, Cause.VALIDATE_HELD, Cause.VALIDATE)


def check(whole: Whole) -> Iterator[Finding]:
    """Report each transaction that works on while it holds a lock, at the first such work."""
    for statements in transactions(whole):
        held: dict[Name, Judged] = {}
        for judged in statements:
            works, own = _worked_on(judged), _locked(judged)
            kept = {name: by for name, by in held.items() if name not in own} if works else {}
            if kept:
                yield _finding(whole, judged, kept, works)
                break
            for name in own:
                held.setdefault(name, judged)


def _worked_on(judged: Judged) -> dict[Name, None]:
    return {
        task.relation: None
        for step in judged.steps
        for task in step.effect.tasks
        if task.work in (Work.SCAN, Work.REWRITE, Work.BUILD) and task.cause not in _OTHER_RULES
    }


def _locked(judged: Judged) -> dict[Name, None]:
    """What the statement itself keeps from everybody, which is told by the rule about it."""
    held = (each for step in judged.steps for each in step.effect.locks)
    return {each.relation: None for each in held if each.lock is Lock.ACCESS_EXCLUSIVE}


def _finding(
    whole: Whole, judged: Judged, kept: dict[Name, Judged], works: dict[Name, None]
) -> Finding:
    names = ", ".join(shown(whole.schema, name) for name in kept)
    others = [name for name in works if name not in kept]
    worked = ", ".join(shown(whole.schema, name) for name in others)
    lines = ", ".join(
        str(line) for line in dict.fromkeys(by.statement.line for by in kept.values())
    )
    return Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"{names}: nobody can read or write it while the transaction works on"
        f" {worked or 'it'}",
        certainty=Certainty.PROVEN,
        evidence=(f"the ACCESS EXCLUSIVE lock of line {lines} is held until the transaction ends",),
        location=place(judged.statement),
    )
