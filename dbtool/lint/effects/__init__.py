"""Say what an action does to a live server, given all that is known before it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from dbtool.lint import actions as act
from dbtool.lint.already import passed_over
from dbtool.lint.effect import NOTHING, Cause, Effect, Task, Work
from dbtool.lint.effects import (
    adding,
    columns,
    commands,
    constraints,
    domains,
    dropping,
    indexes,
    partitions,
    tables,
    typechange,
)
from dbtool.lint.effects.making import State as State
from dbtool.lint.effects.refusals import refusals as refusals
from dbtool.lint.effects.refusals import related
from dbtool.lint.schema import Constraint, Name, Schema
from dbtool.lint.values import replace


def effect_of(action: act.Action, state: State) -> Effect:
    """The locks and the work of one action."""
    if state.schema.complete and (missing := absent(action, state)) is not None:
        return missing
    if _of_view(action, state) or passes_by(action, state.schema, state.sql):
        return NOTHING
    judge = _EFFECTS.get(type(action))
    effect = judge(action, state) if judge is not None else NOTHING
    idle = passed_over(action, state.schema)
    # An index is looked at as it would be made before its name is.
    refused = () if idle and not isinstance(action, act.CreateIndex) else refusals(action, state)
    if refused:
        effect = replace(effect, tasks=(*refused, *effect.tasks))
    if idle:
        return replace(effect, idle=effect.fails is None)
    if state.session.new_labels and not isinstance(action, act.AddEnumValue):
        return _with_label_used(effect, action, state)
    return effect


_IF_EXISTS = re.compile(r"\s*alter\s+(?:foreign\s+)?table\s+if\s+exists\b", re.I)
_IF_EXISTS_WITHIN = re.compile(
    r"""\balter\s+(?:foreign\s+)?table\s+if\s+exists\s+(?:only\s+)?((?:[^\s;"]|"[^"]*")+)""", re.I
)
_PART = re.compile(r'("(?:[^"]|"")*")|([^."]+)')
_ON_ANY_RELATION = (act.LockTable, act.Comment, act.Maintain, act.Write, act.AlterTable)


def absent(action: act.Action, state: State) -> Effect | None:
    """The error of a change of a table that does not exist, or nothing where that is allowed."""
    name: Name | None = getattr(action, "table", None)
    elsewhere = (act.CreateTable, act.CreateTableAs, *_ON_ANY_RELATION)
    if name is None or isinstance(action, elsewhere):
        return None
    if state.schema.table(name) is not None or state.schema.view(name) is not None:
        return None
    if _if_exists(name, state.sql):
        return NOTHING
    full = state.schema.full(name)
    why = f"relation {name} does not exist"
    return Effect(tasks=(Task(Work.FAIL, full, Cause.MISSING, why, "42P01"),))


def passes_by(action: act.Action, schema: Schema, sql: str) -> bool:
    """Whether IF EXISTS finds no such table, so that the statement does nothing."""
    if not schema.complete or isinstance(action, act.CreateTable | act.CreateTableAs):
        return False
    name: Name | None = getattr(action, "table", None)
    if name is None or schema.table(name) is not None or schema.view(name) is not None:
        return False
    return _if_exists(name, sql)


def _if_exists(name: Name, sql: str) -> bool:
    """Whether the text says so at its beginning, or of this table within a block."""
    if _IF_EXISTS.match(sql):
        return True
    return name in map(_spelled, _IF_EXISTS_WITHIN.findall(sql))


def _spelled(text: str) -> Name:
    """The name that a text spells."""
    parts = [
        plain.lower() or quoted[1:-1].replace('""', '"') for quoted, plain in _PART.findall(text)
    ]
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def references(action: act.Action) -> Iterator[Name]:
    """The other tables that a change refers to: by foreign keys or as a parent.

    Partitions are none of them: jobs that make them leave no history.
    """
    if not isinstance(action, act.AttachPartition | act.DetachPartition):
        yield from related(action)
    match action:
        case act.AddConstraint(constraint=one):
            found: tuple[Constraint, ...] = (one,)
        case act.CreateTable(constraints=found) | act.AddColumn(constraints=found):
            pass
        case _:
            return
    for each in found:
        if each.references is not None and each.references != action.table:
            yield each.references


def _of_view(action: act.Action, state: State) -> bool:
    """Whether a change of a table is one of a view, which holds no rows."""
    name: Name | None = getattr(action, "table", None)
    if name is None or isinstance(action, act.CreateTable | act.CreateIndex):
        return False
    return state.schema.table(name) is None and state.schema.view(name) is not None


def _with_label_used(effect: Effect, action: act.Action, state: State) -> Effect:
    """A label added in this transaction cannot be used before it commits."""
    for label, type_name in state.session.new_labels.items():
        quoted = "'" + label.replace("'", "''") + "'"
        if quoted in state.sql and _could_use(action, state, type_name.name):
            why = f"label {quoted} of {type_name.name} was added in this transaction"
            failed = Task(Work.FAIL, type_name, Cause.ENUM_VALUE_USED, why, "55P04")
            return replace(effect, tasks=(*effect.tasks, failed))
    return effect


def _could_use(action: act.Action, state: State, type_name: str) -> bool:
    """Whether a table the action is about has a column of the type, as far as is known."""
    if isinstance(action, act.Select | act.DoBlock | act.Comment | act.CreateType | act.Other):
        return isinstance(action, act.Select) and f"::{type_name}" in state.sql
    name = getattr(action, "table", None)
    table = state.schema.table(name) if name is not None else None
    if table is None or not table.complete or isinstance(action, act.AddColumn):
        return True
    of_type = {
        each.name for each in table.columns.values() if each.type and each.type.name == type_name
    }
    if isinstance(action, act.Write) and action.columns:
        read = action.where.columns if action.where is not None else frozenset()
        of_type &= {*action.columns, *read}
    return bool(of_type)


# Each function takes the action it stands beside: one type per entry, which no type can say.
_EFFECTS: dict[type, Callable[[Any, State], Effect]] = {
    act.CreateTable: tables.create,
    act.Drop: dropping.drop,
    act.AddColumn: adding.add,
    act.DropColumn: columns.drop,
    act.AlterColumnType: typechange.change,
    act.SetDefault: columns.brief,
    act.SetNotNull: columns.set_not_null,
    act.DropNotNull: columns.brief,
    act.SetExpression: columns.set_expression,
    act.ChangeIdentity: columns.change_identity,
    act.AddConstraint: constraints.add,
    act.ValidateConstraint: constraints.validate,
    act.AlterConstraint: constraints.alter,
    act.DropConstraint: constraints.drop,
    act.AlterTable: tables.alter,
    act.CreateIndex: indexes.create,
    act.DropIndex: indexes.drop,
    act.Reindex: indexes.reindex,
    act.Rename: tables.rename,
    act.SetSchema: tables.set_schema,
    act.AlterDomain: domains.alter,
    act.AlterType: domains.alter_composite,
    act.AttachPartition: partitions.attach,
    act.DetachPartition: partitions.detach,
    act.RefreshView: commands.refresh,
    act.CreateTrigger: tables.trigger,
    act.Policy: tables.policy,
    act.Inherit: tables.inherit,
    act.CreateRule: tables.rule,
    act.Maintain: commands.maintain,
    act.Truncate: tables.truncate,
    act.Write: commands.write,
    act.LockTable: tables.lock,
    act.DoBlock: commands.block,
    act.TooDeep: commands.too_deep,
    act.Comment: tables.comment,
}
