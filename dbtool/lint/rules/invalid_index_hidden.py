"""IF NOT EXISTS takes the remains of a failed index build for the index.

Why: CREATE INDEX CONCURRENTLY that is interrupted leaves an INVALID index of that name behind. It
is written to and never read. Run again with IF NOT EXISTS, the statement finds the name taken,
does nothing and succeeds: the revision counts as applied and no query has the index.

When: CONCURRENTLY and IF NOT EXISTS stand together. Whether a build has failed before is not
visible here. All versions.

Bad:
```sql
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_note_idx ON orders (note);
```

Good:
```sql
DROP INDEX CONCURRENTLY IF EXISTS orders_note_idx;
CREATE INDEX CONCURRENTLY orders_note_idx ON orders (note);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import CreateIndex
from dbtool.lint.code import rebuild_index
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateIndex,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report concurrent builds that a leftover makes do nothing."""
    for action, effect in subject.actions(CreateIndex):
        wanted = action.concurrently and action.if_not_exists
        if wanted and effect.locks and not effect.fails:
            name = action.index.name
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{subject.shown(action.table)}: a broken index {name} would be kept",
                certainty=Certainty.HEURISTIC,
                evidence=(
                    "an interrupted build leaves an INVALID index, which IF NOT EXISTS accepts",
                ),
                location=subject.location,
                fix=Fix("python", rebuild_index(action.index), "remove a leftover first"),
            )
