"""A column becomes NOT NULL that the released code may leave empty.

Why: SQLAlchemy writes NULL for an attribute that nobody set, by name: not even a default of the
server helps. Processes of the last release then fail on rows that were fine the day before. A
column that release does not know at all is left out of its INSERT, and fails without a default.

When: `dbtool check --released TAG` finds the column nullable and without a default in the models
of that release, or does not find it, and a revision it does not have sets NOT NULL.

Bad:
```python
# v1: country: Mapped[str | None], and the next release
op.alter_column("users", "country", nullable=False)
```

Good:
```python
# v2: country: Mapped[str | None] = mapped_column(default="DE"), and a backfill
# v3
op.alter_column("users", "country", nullable=False)
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.migrate.use import Use, two_steps
from dbtool.statement import Takes

NAME = rule_name(__name__)


def check(use: Use) -> Iterator[Finding]:
    """Report columns the release may leave empty."""
    if use.taken.what is not Takes.NULL:
        return
    owner, column = use.table.owner, use.column
    if column is None:
        if not use.taken.supplied:
            yield use.finding(
                NAME,
                f"{use.named} becomes NOT NULL, and {use.release} does not know it",
                f"every INSERT of {owner} leaves it out, and fails",
                two_steps("# write it in every place, and let it be empty", use.operation),
                Severity.ERROR,
            )
    elif column.nullable and not column.filled and not column.left_to_server:
        attribute = column.attribute.rpartition(".")[2]
        yield use.finding(
            NAME,
            f"{use.named} becomes NOT NULL while {use.release} may leave it empty",
            f"an INSERT of {owner} without {attribute} writes NULL, and fails",
            two_steps(f"# give {column.attribute} a default, and fill old rows", use.operation),
            Severity.WARNING,
        )
