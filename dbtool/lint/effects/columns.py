"""What changes of a column do, its type and its addition apart."""

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.making import Making, State
from dbtool.lint.effects.proofs import not_null_proven
from dbtool.lint.schema import Holds, Table


def _locked(table: Table, state: State) -> Making:
    return Making().lock(Lock.ACCESS_EXCLUSIVE, *state.schema.family(table))


def _column_missing(made: Making, table: Table, column: str) -> bool:
    if not table.complete or column in table.columns:
        return False
    why = f"column {column} of {table.name.name} does not exist"
    made.fail("42703", table.name, Cause.MISSING, why)
    return True


def set_not_null(action: act.SetNotNull, state: State) -> Effect:
    """SET NOT NULL reads the table unless a validated check has proven it."""
    whole = state.table(action.table)
    column = whole.columns.get(action.column)
    if column is not None and column.not_null:
        return Making().lock(Lock.ACCESS_EXCLUSIVE, whole).done()
    made = _locked(whole, state)
    if _column_missing(made, whole, action.column):
        return made.done()
    for table in state.schema.family(whole):
        if table.partition_by or not_null_proven(table, action.column):
            continue
        if table.complete:
            made.task(Work.SCAN, table, Cause.SET_NOT_NULL)
        else:
            fact = f"whether a validated check proves that {action.column} has no null"
            made.lacks(Cause.SET_NOT_NULL, table, fact)
    return made.done()


def brief(action: act.SetDefault | act.DropNotNull, state: State) -> Effect:
    """SET and DROP DEFAULT, DROP NOT NULL: only the catalog changes."""
    table = state.table(action.table)
    only = isinstance(action, act.SetDefault) and action.only
    made = Making().lock(Lock.ACCESS_EXCLUSIVE, table) if only else _locked(table, state)
    _column_missing(made, table, action.column)
    return made.done()


def set_expression(action: act.SetExpression, state: State) -> Effect:
    """SET EXPRESSION computes a stored column anew; DROP EXPRESSION keeps the values."""
    whole = state.table(action.table)
    made = _locked(whole, state)
    if _column_missing(made, whole, action.column) or action.expression is None:
        return made.done()
    if state.server < 17:
        why = "SET EXPRESSION needs PostgreSQL 17"
        made.fail("42601", whole.name, Cause.VERSION, why)
        return made.done()
    column = whole.columns.get(action.column)
    if column is not None and column.generated == "virtual" and any(whole.having(Holds.CHECK)):
        why = "not possible for a virtual column of a table with check constraints"
        made.fail("0A000", whole.name, Cause.VERSION, why)
    for table in (each for each in state.schema.family(whole) if not each.partition_by):
        if column is None or column.generated != "virtual":
            made.task(Work.REWRITE, table, Cause.GENERATED_STORED)
    return made.done()


def change_identity(action: act.ChangeIdentity, state: State) -> Effect:
    """IDENTITY on a column that exists: only the catalog changes."""
    table = state.table(action.table)
    # Children that merely inherit the column get no identity.
    whole = bool(table.partition_by)
    made = _locked(table, state) if whole else Making().lock(Lock.ACCESS_EXCLUSIVE, table)
    column = table.columns.get(action.column)
    absent = _column_missing(made, table, action.column)
    if action.change == "add" and not absent and column is not None and column.not_null is False:
        why = f"{action.column} has to be NOT NULL before it can be an identity"
        made.fail("55000", table.name, Cause.MISSING, why)
    return made.done()


def drop(action: act.DropColumn, state: State) -> Effect:
    """DROP COLUMN, which takes the tables its foreign keys refer to as well."""
    table = state.table(action.table)
    made = _locked(table, state)
    if action.if_exists and table.complete and action.column not in table.columns:
        return made.done()
    if _column_missing(made, table, action.column):
        return made.done()
    for key in table.foreign_keys:
        if action.column in key.columns and key.references is not None:
            made.lock(Lock.ACCESS_EXCLUSIVE, state.table(key.references))
    if table.bound is not None:
        why = f"{table.name.name} is a partition: the column is that of the whole table"
        made.fail("42P16", table.name, Cause.PARTITIONED, why)
    if action.column in table.partition_keys:
        why = f"{table.name.name} is partitioned by {action.column}"
        made.fail("42P16", table.name, Cause.PARTITIONED, why)
    _depended_on(made, table, action, state)
    return made.done()


def _viewed(made: Making, table: Table, action: act.DropColumn, state: State) -> None:
    for view in state.schema.reached(table.name, action.column) if action.cascade else ():
        if (stored := state.schema.tables.get(view.name)) is not None:
            made.lock(Lock.ACCESS_EXCLUSIVE, stored)
    for view in state.schema.readers(table.name, action.column)[:1]:
        if not action.cascade:
            why = f"view {view.name.name} uses the column"
            made.fail("2BP01", table.name, Cause.DEPENDENT, why)


def _depended_on(made: Making, table: Table, action: act.DropColumn, state: State) -> None:
    _viewed(made, table, action, state)
    for other in state.schema.referring(table):
        for key in other.foreign_keys:
            if key.references != table.name or action.column not in key.referenced:
                continue
            made.lock(Lock.ACCESS_EXCLUSIVE, other)
            if not action.cascade and other.name != table.name:
                why = f"a foreign key of {other.name.name} depends on it"
                made.fail("2BP01", table.name, Cause.DEPENDENT, why)
    for each in table.columns.values():
        made_of = each.default.columns if each.generated and each.default else ()
        if action.column in made_of and not action.cascade and each.name != action.column:
            why = f"generated column {each.name} is made from it"
            made.fail("2BP01", table.name, Cause.DEPENDENT, why)
