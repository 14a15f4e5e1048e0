"""A column is renamed that the released code knows by its old name.

Why: a rename is one moment, and a deploy is not: processes of the last release fail from then on,
and those of the new one would have failed before. The database can keep the old name for good:
a mapped class may call it what it likes.

When: `dbtool check --released TAG` finds the column in the models of that release, and a revision
it does not have renames it.

Bad:
```python
# v1: name: Mapped[str], and the next release
op.alter_column("users", "name", new_column_name="full_name")
```

Good:
```python
# v2, without a revision
full_name: Mapped[str] = mapped_column("name")
# in a SQLModel class
full_name: str = Field(sa_column_kwargs={"name": "name"})
```
"""

import ast
from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.migrate.use import Use
from dbtool.migrate.written import Written, maker
from dbtool.statement import Takes

NAME = rule_name(__name__)


def check(use: Use) -> Iterator[Finding]:
    """Report columns that get another name while they are used."""
    if use.taken.what is not Takes.COLUMN_NAME or use.column is None:
        return
    new, old = use.taken.to, use.column.name
    line = _renamed(use.column.source, new, old)
    label = f"in {use.table.owner}, and no revision: the column keeps its name"
    yield use.finding(
        NAME,
        f"{use.named} is renamed to {new} while {use.release} uses it",
        f"every SELECT of {use.table.owner} names {old}, and fails",
        Fix("python", line, label) if line is not None else None,
        Severity.ERROR,
    )


def _renamed(source: str, new: str, old: str) -> str | None:
    """The line of the model with the new name for the attribute and the old one for the column.

    None where a Field has a column that is made elsewhere, and must be given the name there.
    """
    written = Written("", 0, source)
    if _is_made_elsewhere(written):
        return None
    head, colon, rest = source.partition(":")
    annotation, equals, made = rest.partition("=")
    call = made.strip()
    if (line := _of_field(written, new, old)) is not None:
        return line
    if not colon or "\n" in head or "Mapped[" not in annotation:
        return f'{new} = mapped_column("{old}")  # and what else it says now'
    if equals and call.startswith("mapped_column("):
        inside = call.removeprefix("mapped_column(")
        joint = "" if inside.startswith(")") else ", "
        call = f'mapped_column("{old}"{joint}{inside}'
    else:
        call = f'mapped_column("{old}")'
    return f"{new}: {annotation.strip()} = {call}"


def _is_made_elsewhere(written: Written) -> bool:
    """Whether the `sa_column` of a Field is no Column call."""
    given = written.first(lambda node: isinstance(node, ast.keyword) and node.arg == "sa_column")
    return isinstance(given, ast.keyword) and maker(given.value) != "Column"


def _of_field(written: Written, new: str, old: str) -> str | None:
    """The same in SQLModel's words; None where the annotation is not one of a plain type."""
    statement, call = written.tree, written.call
    if not isinstance(statement, ast.AnnAssign) or written.made_by == "mapped_column":
        return None
    if "Mapped[" in written.source(statement.annotation):
        return None
    if call is None or written.made_by == "Field":
        known = written.argument("sa_column_kwargs")
        more = f", **{written.source(known)}" if known is not None else ""
        changed = written.with_keyword("sa_column_kwargs", f'{{"name": "{old}"{more}}}')
    elif call.args and isinstance(call.args[0], ast.Constant):
        changed = written.text  # the column has its name already
    else:
        changed = written.with_keyword("name", f'"{old}"')
    # What stands before the annotation is the name alone.
    return changed and f"{new}{changed[len(written.source(statement.target)) :]}"
