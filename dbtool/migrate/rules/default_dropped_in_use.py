"""A default is dropped that the released code leaves the column to.

Why: where a model has a `server_default` and no default of its own, its INSERT does not name the
column. Without the default of the server, NOT NULL refuses each new row of the last release while
a deploy rolls out.

When: `dbtool check --released TAG` finds that the models of that release leave a NOT NULL column
to the server, and a revision it does not have drops the default.

Bad:
```python
op.alter_column("users", "plan", server_default=None)
```

Good:
```python
# v2: plan: Mapped[str] = mapped_column(default="free", server_default="free")
# v3
op.alter_column("users", "plan", server_default=None)
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.migrate.use import Use, two_steps
from dbtool.statement import Takes

NAME = rule_name(__name__)


def check(use: Use) -> Iterator[Finding]:
    """Report defaults the release relies on."""
    column = use.column
    if use.taken.what is not Takes.DEFAULT or column is None or use.taken.supplied:
        return
    if column.left_to_server and not column.filled and not column.nullable:
        yield use.finding(
            NAME,
            f"the default of {use.named} is dropped while {use.release} relies on it",
            f"an INSERT of {use.table.owner} leaves the column to the server, and fails",
            two_steps(f"# give {column.attribute} a default= of its own", use.operation),
            Severity.ERROR,
        )
