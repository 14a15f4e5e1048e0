"""A comment allows a rule and does not say why.

Why: whoever reads it next year has to know whether it still holds. Without a reason behind `--`
the comment allows nothing, and the finding stays.

When: `dbtool: allow` is followed by rules and nothing else.

Bad:
```sql
-- dbtool: allow index-not-concurrent
CREATE INDEX settings_name_idx ON settings (name);
```

Good:
```sql
-- dbtool: allow index-not-concurrent -- a dozen rows
CREATE INDEX settings_name_idx ON settings (name);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.allow import Comment

NAME = rule_name(__name__)


def check(comment: Comment) -> Iterator[Finding]:
    """Report an allowance without a reason."""
    allowance = comment.allowance
    if not allowance.reason:
        rules = ", ".join(allowance.rules) or "RULE"
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"the comment gives no reason to allow {rules}, so it allows nothing",
            certainty=Certainty.PROVEN,
            evidence=(f"write why behind two hyphens: dbtool: allow {rules} -- reason",),
            location=allowance.location,
        )
