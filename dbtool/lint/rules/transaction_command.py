"""A revision begins or ends a transaction by itself.

Why: Alembic has one open, in which it also notes that the revision was applied. A COMMIT inside
makes the first half permanent: if the second half fails, the revision counts as not applied, and
run again it fails on what is there already. A ROLLBACK undoes more than it seems to.

When: BEGIN, COMMIT or ROLLBACK stands in a revision; savepoints are fine. In a script of SQL it
is what it should be. All versions.

Bad:
```python
op.execute("ALTER TABLE orders ADD COLUMN remark text")
op.execute("COMMIT /* so that it can be built concurrently */")
op.execute("CREATE INDEX CONCURRENTLY orders_remark_idx ON orders (remark)")
```

Good:
```python
op.execute("ALTER TABLE orders ADD COLUMN remark text")
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY orders_remark_idx ON orders (remark)")
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Transaction
from dbtool.lint.code import autocommit
from dbtool.lint.saying import is_revision, own_code
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Transaction,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report BEGIN, COMMIT and ROLLBACK in revisions."""
    for action, _ in subject.actions(Transaction):
        if action.command in ("begin", "commit", "rollback") and is_revision(subject.statement):
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{action.command.upper()} inside a revision, whose transaction is Alembic's",
                certainty=Certainty.PROVEN,
                evidence=("if what follows fails, the revision is half applied",),
                location=subject.location,
                fix=_fix(subject) if action.command == "commit" else None,
            )


def _fix(subject: Subject) -> Fix | None:
    """What comes next, outside of the transaction."""
    statements = subject.migration.up
    places = [place for place, each in enumerate(statements) if each is subject.statement]
    behind = statements[places[0] + 1 : places[0] + 2] if places else ()
    code = autocommit(*map(own_code, behind))
    return Fix("python", code, "let Alembic commit") if behind else None
