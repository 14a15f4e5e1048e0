"""A table is renamed, or moved to another schema, that the released code knows by its old name.

Why: processes of the last release run against the new schema while a deploy rolls out, and fail
with everything they do with the table. A view of the old name keeps them going: one over a single
table can be written through.

When: `dbtool check --released TAG` finds the table in the models of that release, a revision it
does not have renames it, and none of them makes a view or table of the old name.

Bad:
```python
op.rename_table("posts", "articles")
```

Good:
```python
op.rename_table("posts", "articles")
op.execute("CREATE VIEW posts AS SELECT * FROM articles")
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.migrate.use import Use, two_steps
from dbtool.statement import Takes

NAME = rule_name(__name__)


def check(use: Use) -> Iterator[Finding]:
    """Report tables that get another name while they are used."""
    if use.taken.what is Takes.TABLE_NAME:
        old, new = use.table.name, use.taken.to
        view = f'op.execute("CREATE VIEW {old} AS SELECT * FROM {new}")'
        yield use.finding(
            NAME,
            f"{old} is renamed to {new} while {use.release} uses it",
            f"whatever it does with {use.table.owner} fails",
            two_steps(f"{use.operation}\n{view}", f'op.execute("DROP VIEW {old}")'),
            Severity.ERROR,
        )
