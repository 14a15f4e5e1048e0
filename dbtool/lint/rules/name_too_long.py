"""A name has more than 63 bytes, and the server cuts it off.

Why: everything behind the 63rd byte is dropped with a notice that nobody sees. Two names that
differ only there are the same, and a later statement or the models look for the long one.

When: a name in the statement is longer than that in UTF-8. Style, asked for only where it is
selected. All versions.

Bad:
```sql
CREATE INDEX orders_user_id_and_status_and_state_and_placed_at_for_the_monthly_report_idx
    ON orders (user_id, status, state, placed_at);
```

Good:
```sql
CREATE INDEX orders_monthly_report_idx ON orders (user_id, status, state, placed_at);
```
"""

import re
from collections.abc import Iterator
from typing import get_args

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import Action
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = get_args(Action)
LONGEST = 63
_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|\"((?:[^\"]|\"\")+)\"|([^\W\d][\w$]*)",
    re.S,
)


def check(subject: Subject) -> Iterator[Finding]:
    """Note names that are cut off."""
    sql = subject.statement.sql
    if len(sql) <= LONGEST:
        return
    names = (found[2] or found[3] or "" for found in _TOKEN.finditer(sql))
    for name in dict.fromkeys(each.replace('""', '"') for each in names):
        if len(name.encode()) > LONGEST:
            kept = name.encode()[:LONGEST].decode(errors="ignore")
            yield Finding(
                rule=NAME,
                severity=Severity.NOTE,
                title=f"{name} has {len(name.encode())} bytes",
                certainty=Certainty.PROVEN,
                evidence=(f"the server calls it {kept}",),
                location=subject.location,
            )
