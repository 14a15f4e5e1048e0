"""A comment allows a rule that does not exist.

Why: a misspelt name allows nothing, and nobody notices until the finding is there again.

When: the name is none of `dbtool rules`, or there is no name at all.

Bad:
```sql
-- dbtool: allow index-not-concurent -- a dozen rows
CREATE INDEX settings_name_idx ON settings (name);
```

Good:
```sql
-- dbtool: allow index-not-concurrent -- a dozen rows
CREATE INDEX settings_name_idx ON settings (name);
```
"""

from collections.abc import Iterator
from difflib import get_close_matches

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.allow import Comment

NAME = rule_name(__name__)


def check(comment: Comment) -> Iterator[Finding]:
    """Report names that no rule has."""
    allowance = comment.allowance
    wrong = [each for each in allowance.rules if each not in comment.known]
    titles = {each: f'no rule is called "{each}", so the comment allows nothing' for each in wrong}
    if not allowance.rules:
        titles = {"": "the comment names no rule, so it allows nothing"}
    for name, title in titles.items():
        near = get_close_matches(name, sorted(comment.known), n=3)
        meant = f"did you mean {' or '.join(near)}?" if near else "see dbtool rules"
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=title,
            certainty=Certainty.PROVEN,
            evidence=(meant,),
            location=allowance.location,
        )
