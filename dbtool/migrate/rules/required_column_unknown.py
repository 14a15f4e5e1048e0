"""A required column is added, and the released code does not know it.

Why: processes of the last release go on inserting rows while a deploy rolls out, and their INSERT
does not name a column they never heard of. NOT NULL without a default refuses each of those rows.

When: `dbtool check --released TAG` finds the table in the models of that release, and a revision
it does not have adds a column that is NOT NULL and has no default.

Bad:
```python
op.add_column("users", sa.Column("plan", sa.Text(), nullable=False))
```

Good:
```python
op.add_column("users", sa.Column("plan", sa.Text(), nullable=False, server_default="free"))
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.migrate.use import Use, two_steps
from dbtool.statement import Takes

NAME = rule_name(__name__)


def check(use: Use) -> Iterator[Finding]:
    """Report columns that the release would have to fill."""
    if use.taken.what is Takes.SILENCE and use.column is None and not use.taken.supplied:
        later = f'op.alter_column("{use.table.name}", "{use.taken.column}", nullable=False)'
        operation = use.operation.replace("nullable=False", "nullable=True")
        yield use.finding(
            NAME,
            f"{use.named} is required, and {use.release} does not know it",
            f"every INSERT of {use.table.owner} leaves it out, and fails",
            two_steps(operation, later),
            Severity.ERROR,
        )
