"""A table is dropped that the released code still uses.

Why: processes of the last release run against the new schema while a deploy rolls out. Whatever
they do with the table fails from the moment it is gone, and a roll back of the code does not bring
it back.

When: `dbtool check --released TAG` finds the table in the models of that release, and a revision
it does not have drops it. A view or table of the same name made in its place is fine.

Bad:
```python
# v1 has class Badge, and the next release
op.drop_table("badges")
```

Good:
```python
# v2: class Badge is gone, the table stays
# v3
op.drop_table("badges")
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.migrate.use import Use, two_steps
from dbtool.statement import Takes

NAME = rule_name(__name__)


def check(use: Use) -> Iterator[Finding]:
    """Report tables that go while they are used."""
    if use.taken.what is Takes.TABLE:
        owner = use.table.owner
        yield use.finding(
            NAME,
            f"{use.named} is dropped while {use.release} uses it",
            f"whatever it does with {owner} fails",
            two_steps(f"# remove {owner}, and leave the table where it is", use.operation),
            Severity.ERROR,
        )
