"""The downgrade of what an upgrade does."""

from collections.abc import Sequence
from textwrap import indent

from dbtool.lint import actions as act
from dbtool.lint.code.calls import call, execute, sql_name, string
from dbtool.lint.code.columns import within
from dbtool.lint.schema import Constraint, Holds

_REFUSAL = 'raise NotImplementedError("this revision cannot be undone")'
_KINDS = {
    Holds.CHECK: "check",
    Holds.FOREIGN_KEY: "foreignkey",
    Holds.UNIQUE: "unique",
    Holds.PRIMARY_KEY: "primary",
}


def undo(actions: Sequence[act.Action]) -> str:
    """A `downgrade` that takes back what was created, last first; one that refuses otherwise."""
    created = {each.table for each in actions if isinstance(each, act.CreateTable)}
    lines: list[str] = []
    for action in reversed(actions):
        if getattr(action, "table", None) in created and not isinstance(action, act.CreateTable):
            continue
        line = _undone(action)
        if line is None:
            lines = [_REFUSAL]
            break
        lines.append(line)
    body = indent("\n".join(lines), "    ")
    return f"def downgrade() -> None:\n{body}"


def _undone(action: act.Action) -> str | None:
    match action:
        case act.CreateTable(table=table):
            return call("drop_table", string(table.name), *within(table))
        case act.AddColumn(table=table, column=column):
            return call("drop_column", string(table.name), string(column.name), *within(table))
        case act.CreateIndex(index=index) if index.name:
            where = f"table_name={string(index.table.name)}"
            return call("drop_index", string(index.name), where, *within(index.table))
        case act.AddConstraint(table=table, constraint=Constraint(name=name, kind=kind)) if name:
            of = f"type_={string(_KINDS[kind])}" if kind in _KINDS else ""
            arguments = (string(name), string(table.name), of, *within(table))
            return call("drop_constraint", *(each for each in arguments if each))
        case act.CreateType(name=name):
            return execute(f"DROP TYPE {sql_name(name)}")
        case act.CreateView(view=view, replace=False):
            return execute(f"DROP VIEW {sql_name(view)}")
        case act.CreateSequence(sequence=sequence):
            return execute(f"DROP SEQUENCE {sql_name(sequence)}")
    return None
