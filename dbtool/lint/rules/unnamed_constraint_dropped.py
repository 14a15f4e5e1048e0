"""A constraint is dropped without a name: it fails.

Why: autogenerate writes `op.drop_constraint(None, ...)` for a constraint that the models do not
name. The server has given it a name, which the statement must have; Alembic refuses to write it.
It shows on the first downgrade, often in an emergency.

When: the name is None, on the way up or down. A naming_convention in the models' MetaData names
all constraints from the start. All versions.

Bad:
```python
def upgrade() -> None:
    op.create_foreign_key("orders_user_id_fkey", "orders", "users", ["user_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(None, "orders", type_="foreignkey")
```

Good:
```python
def upgrade() -> None:
    op.create_foreign_key("orders_user_id_fkey", "orders", "users", ["user_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint("orders_user_id_fkey", "orders", type_="foreignkey")
```
"""

import ast
from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import AddConstraint
from dbtool.lint.code import call, string
from dbtool.lint.revision import argument, at, calls, function, text_of, tree
from dbtool.lint.saying import actions_of
from dbtool.lint.schema import Holds
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
_KINDS = {
    "foreignkey": Holds.FOREIGN_KEY,
    "unique": Holds.UNIQUE,
    "check": Holds.CHECK,
    "primary": Holds.PRIMARY_KEY,
}


def check(whole: Whole) -> Iterator[Finding]:
    """Report drop_constraint(None, …)."""
    module = tree(whole.migration)
    back = function(module, "downgrade") if module is not None else None
    for name, node in calls(module) if module is not None else ():
        method = name.rpartition(".")[2]
        given = argument(node, 0, "constraint_name")
        if method != "drop_constraint" or not _is_none(given):
            continue
        table = text_of(argument(node, 1, "table_name"))
        kind = text_of(argument(node, 2, "type_"))
        what = "the downgrade" if back is not None and _within(back, node) else "it"
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{table or 'constraint'}: {what} fails, a constraint without a name"
            " cannot be dropped",
            certainty=Certainty.PROVEN,
            evidence=("Alembic cannot write DROP CONSTRAINT without a name",),
            location=at(whole.migration, node.lineno),
            fix=_fix(whole, table, kind),
        )


def _within(function: ast.stmt, node: ast.expr) -> bool:
    return function.lineno <= node.lineno <= (function.end_lineno or function.lineno)


def _is_none(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _fix(whole: Whole, table: str, kind: str) -> Fix | None:
    """The name the server gives what this migration adds to the table."""
    added = [
        seen.action.constraint
        for seen in actions_of(whole, AddConstraint)
        if seen.action.table.name == table and seen.action.constraint.kind is _KINDS.get(kind)
    ]
    found = next((each for each in whole.schema.tables.values() if each.name.name == table), None)
    names = [each.name for each in added if each.name]
    if not names and found is not None:
        wanted = {each.columns for each in added}
        names = [
            each.name
            for each in found.constraints.values()
            if each.kind is _KINDS.get(kind) and (not wanted or each.columns in wanted)
        ]
    if not names:
        return None
    code = "\n".join(
        call("drop_constraint", string(name), string(table), f"type_={string(kind)}")
        for name in names
    )
    return Fix("python", code, "name it as the server has it")
