"""A comment allows what nobody finds any more.

Why: it hides nothing today, and would hide the next mistake on that line.

When: the rule was asked and says nothing about what the comment stands at. Where a part of the
migration could not be read, nothing is said.

Bad:
```sql
-- dbtool: allow index-not-concurrent -- a dozen rows
CREATE INDEX CONCURRENTLY settings_name_idx ON settings (name);
```

Good:
```sql
CREATE INDEX CONCURRENTLY settings_name_idx ON settings (name);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.allow import Comment

NAME = rule_name(__name__)


def check(comment: Comment) -> Iterator[Finding]:
    """Report allowances that allowed nothing."""
    allowance = comment.allowance
    if not allowance.reason or not comment.certain:
        return
    for name in allowance.rules:
        if name in comment.asked and name not in comment.used:
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"nothing here needs {name} to be allowed: the comment can go",
                certainty=Certainty.PROVEN,
                location=allowance.location,
            )
