"""PostgreSQL's parser does not read a statement.

Why: the server would refuse it, and with it everything in its transaction. What it was meant to
do is not judged.

When: PostgreSQL's own grammar is not met. All versions.

Bad:
```sql
ALTER TABLE orders ADD COLUM shipped_at timestamptz;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN shipped_at timestamptz;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Location, Severity, rule_name
from dbtool.lint.actions import Unparsable
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Unparsable,)
_WIDTH = 60


def check(subject: Subject) -> Iterator[Finding]:
    """Report what does not parse, with its place."""
    statement = subject.statement
    for action, _ in subject.actions(Unparsable):
        before = statement.sql[: action.offset]
        line, column = before.count("\n"), len(before) - (before.rfind("\n") + 1) + 1
        in_code = bool(statement.operation)
        place = f"line {line + 1}, column {column} of its SQL" if in_code else f"column {column}"
        if not in_code and statement.line:
            place = f"line {statement.line + line}, {place}"
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{action.message} ({place})",
            certainty=Certainty.PROVEN,
            evidence=(_around(statement.sql, action.offset),),
            location=Location(
                statement.file or None,
                (statement.line + (0 if in_code else line)) or None,
                statement.revision or None,
            ),
        )


def _around(sql: str, offset: int) -> str:
    """The words up to the mistake, and a few behind it."""
    begin = sql.rfind("\n", 0, offset) + 1
    end = sql.find("\n", offset)
    text = sql[max(begin, offset - _WIDTH) : len(sql) if end < 0 else end]
    words = " ".join(text.split())
    return words if len(words) <= 2 * _WIDTH else words[: 2 * _WIDTH] + "…"
