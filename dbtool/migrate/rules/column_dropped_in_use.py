"""A column is dropped that the released code still reads and writes.

Why: while a deploy rolls out, and until a roll back is out of the question, processes of the last
release run against the new schema. Every SELECT of a mapped class names all its columns, so each
of them fails from the moment the column is gone, wherever the attribute itself is used.

When: `dbtool check --released TAG` finds the column in the models of that release, and a revision
it does not have drops it.

Bad:
```python
# v1: nickname: Mapped[str | None], and the next release
op.drop_column("users", "nickname")
```

Good:
```python
# v1: nickname: Mapped[str | None]
# v2: the attribute is gone from the class, the column stays
# v3
op.drop_column("users", "nickname")
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.migrate.use import Use, two_steps
from dbtool.statement import Takes

NAME = rule_name(__name__)


def check(use: Use) -> Iterator[Finding]:
    """Report columns that go while they are used."""
    if use.taken.what is not Takes.COLUMN or use.column is None:
        return
    column = use.column
    attribute = column.attribute.rpartition(".")[2]
    steps = [f"# remove {attribute} from {use.table.owner}, and leave the column where it is"]
    if not column.nullable and not column.left_to_server:
        steps.append(f'op.alter_column("{use.table.name}", "{column.name}", nullable=True)')
    yield use.finding(
        NAME,
        f"{use.named} is dropped while {use.release} uses it",
        f"every SELECT of {use.table.owner} names it, and fails",
        two_steps("\n".join(steps), use.operation),
        Severity.ERROR,
    )
