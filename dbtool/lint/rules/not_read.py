"""A part of a migration could not be read, so nobody knows what it does.

Why: a revision whose `upgrade()` asks the database what to do next has no SQL to judge until it
runs. Nothing is said about that part, and it is counted as unknown, never as harmless.

When: a revision reads rows and acts on them, talks to another server, or starts a program; or a
script has commands for psql that bring in other SQL.

Bad:
```python
def upgrade():
    for (name,) in op.get_bind().execute(sa.text("SELECT name FROM settings")):
        op.execute(f"ALTER TABLE orders ADD COLUMN {name} text")
```

Good:
```python
def upgrade():
    op.add_column("orders", sa.Column("settings", postgresql.JSONB))
```
"""

from collections.abc import Iterator

from dbtool.finding import Location, Unknown, rule_name
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)


def check(whole: Whole) -> Iterator[Unknown]:
    """Say what was not read, and each reason once, at the first place."""
    migration = whole.migration
    first = {gap.reason: gap for gap in reversed(migration.gaps)}
    for gap in sorted(first.values(), key=lambda gap: gap.line):
        yield Unknown(
            rule=NAME,
            reason=gap.reason,
            decide=_decide(migration.name, in_python=migration.file.endswith(".py")),
            location=Location(
                migration.file or None,
                gap.line or None,
                migration.name if migration.name != migration.file else None,
            ),
        )


def _decide(name: str, *, in_python: bool) -> str:
    if in_python:
        return f"read that part, or see what it runs: dbtool upgrade --sql --from-scratch {name}"
    return "write there what it brings in"
