"""What DROP of anything that is no index does."""

from collections.abc import Iterable

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock
from dbtool.lint.effects.existing import takers
from dbtool.lint.effects.making import Making, State
from dbtool.lint.effects.tables import defaults
from dbtool.lint.schema import Column, Name, Table


def drop(action: act.Drop, state: State) -> Effect:
    """DROP of a table or of what hangs on one."""
    made = Making()
    match action.kind:
        case "table" | "materialized view" | "foreign table":
            _drop_table(made, action, state)
        case "schema":
            _drop_schema(made, action, state)
        case "trigger" | "rule" | "policy":
            _drop_part(made, action, state)
        case "sequence" if action.cascade:
            found = takers(state.schema, state.schema.full(action.name))
            made.lock(Lock.ACCESS_EXCLUSIVE, *(each for each, _ in found))
        case "type" | "domain":
            _drop_typed(made, action, state.schema.using(action.name, derived=True))
        case "extension":
            _drop_typed(made, action, state.schema.typed_by(action.name.name))
        case "view":
            _drop_view(made, action, state)
    return made.done()


def _drop_part(made: Making, action: act.Drop, state: State) -> None:
    """DROP TRIGGER, RULE or POLICY of a table."""
    table = state.schema.table(action.name)
    if table is None and state.schema.complete:
        if not action.if_exists and state.schema.view(action.name) is None:
            made.missing_relation(action.name, state)
    elif table is None or not _passed_over(action, table):
        made.lock(Lock.ACCESS_EXCLUSIVE, table or state.table(action.name))


def _drop_view(made: Making, action: act.Drop, state: State) -> None:
    if (view := state.schema.view(action.name)) is None:
        return
    beside = _beside(action, state) | {view.name}
    readers = [each for each in state.schema.readers(view.name) if each.name not in beside]
    if readers and not action.cascade:
        why = f"another view reads {view.name.name}"
        made.fail("2BP01", view.name, Cause.DEPENDENT, why)
    if action.cascade:
        _take_readers(made, view.name, state)


def _take_readers(made: Making, name: Name, state: State) -> None:
    """The materialized views that go with a relation."""
    for view in state.schema.reached(name):
        if (stored := state.schema.tables.get(view.name)) is not None:
            made.lock(Lock.ACCESS_EXCLUSIVE, stored)


def _drop_table(made: Making, action: act.Drop, state: State) -> None:
    table = state.schema.table(action.name)
    if table is None:
        # With and without its schema written, one may be named twice.
        twice = [each for each in action.beside if each.name == action.name.name]
        if state.schema.complete and not action.if_exists and len(twice) < 2:
            why = f"{action.kind} {action.name} does not exist"
            made.fail("42P01", state.schema.full(action.name), Cause.MISSING, why)
        elif not state.schema.complete:
            made.lock(Lock.ACCESS_EXCLUSIVE, state.table(action.name))
        return
    _take_with_relatives(made, table, state)
    others = [each for each in state.schema.referring(table) if each.name != table.name]
    made.lock(Lock.ACCESS_EXCLUSIVE, *others)
    views = [each for each in state.schema.readers(table.name) if each.name != table.name]
    beside = _beside(action, state)
    heirs = table.children if not table.partition_by else ()
    dependents = [f"a foreign key of {o.name.name}" for o in others if o.name not in beside]
    dependents += [f"view {view.name.name}" for view in views if view.name not in beside]
    dependents += [f"table {name.name}" for name in heirs if name not in beside]
    reached = state.schema.reached(table.name) if action.cascade else views
    stored = (state.schema.tables.get(view.name) for view in reached if view.name != table.name)
    made.lock(Lock.ACCESS_EXCLUSIVE, *(each for each in stored if each is not None))
    of_the_whole = _of_the_whole(table, beside, state)
    made.lock(Lock.ACCESS_EXCLUSIVE, *of_the_whole)
    dependents += [f"a foreign key of {other.name.name}" for other in of_the_whole]
    if dependents and not action.cascade:
        made.fail("2BP01", table.name, Cause.DEPENDENT, f"{dependents[0]} depends on it")


def _of_the_whole(table: Table, beside: frozenset[Name], state: State) -> list[Table]:
    """Who refers to the partitioned table that this one is a partition of."""
    if table.bound is None or table.parent is None or table.parent in beside:
        return []
    referring = state.schema.referring(state.table(table.parent))
    return [each for each in referring if each.name not in beside]


def _beside(action: act.Drop, state: State) -> frozenset[Name]:
    """What else the same statement drops: nothing of it stands in the way."""
    found = (state.schema.table(name) or state.schema.view(name) for name in action.beside)
    return frozenset(each.name for each in found if each is not None)


def _take_with_relatives(made: Making, table: Table, state: State) -> None:
    """A table with its partitions, those its foreign keys refer to, and the one it is part of."""
    made.lock(Lock.ACCESS_EXCLUSIVE, *state.schema.family(table))
    for each in state.schema.family(table):
        for key in each.foreign_keys:
            if key.references is not None:
                referred = state.table(key.references)
                parts = state.schema.family(referred) if referred.partition_by else (referred,)
                made.lock(Lock.ACCESS_EXCLUSIVE, *parts)
    if table.parent is not None:
        parent = state.table(table.parent)
        made.lock(Lock.ACCESS_EXCLUSIVE, parent, *defaults(parent, state))


def _passed_over(action: act.Drop, table: Table) -> bool:
    """Whether IF EXISTS finds no such trigger or policy on the table."""
    known = {"trigger": table.triggers, "policy": table.policies}.get(action.kind)
    absent = known is not None and action.part not in known
    return action.if_exists and table.complete and absent


def _drop_schema(made: Making, action: act.Drop, state: State) -> None:
    tables = [each for each in state.schema.tables.values() if each.name.schema == action.name.name]
    for each in tables if action.cascade else ():
        _take_with_relatives(made, each, state)
        _take_readers(made, each.name, state)
    types = [each for each in state.schema.types if each.schema == action.name.name]
    for type_ in types if action.cascade else ():
        _drop_typed(made, action, state.schema.using(type_, derived=True))
    if tables and not action.cascade:
        why = f"{tables[0].name} is in it"
        made.fail("2BP01", Name("", action.name.name), Cause.DEPENDENT, why)


def _drop_typed(made: Making, action: act.Drop, columns: Iterable[tuple[Table, Column]]) -> None:
    for table, column in columns:
        if action.cascade:
            made.lock(Lock.ACCESS_EXCLUSIVE, table)
        else:
            why = f"column {column.name} of {table.name.name} is of that type"
            made.fail("2BP01", table.name, Cause.DEPENDENT, why)
