"""What ADD COLUMN does: nothing but a short lock, or the rewrite of the whole table."""

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.making import Making, State
from dbtool.lint.effects.volatility import volatile
from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Column, Constraint, Holds, Table, UserType


def add(action: act.AddColumn, state: State) -> Effect:
    """ADD COLUMN with whatever stands in its definition."""
    table = state.table(action.table)
    made = Making()
    there = action.column.name in table.columns
    made.lock(Lock.ACCESS_EXCLUSIVE, *((table,) if there else state.schema.family(table)))
    if table.bound is not None:
        why = f"{table.name.name} is a partition: the column is added to the whole table"
        made.fail("42809", table.name, Cause.PARTITIONED, why)
    if there:
        if not action.if_not_exists:
            why = f"column {action.column.name} of {table.name.name} exists"
            made.fail("42701", table.name, Cause.EXISTS, why)
        return made.done()
    default = _default(action.column, state)
    for each in (each for each in state.schema.family(table) if not each.partition_by):
        _fill(made, each, action.column, default, state)
        for constraint in action.constraints:
            _constrain(made, each, action.column, constraint, state)
    _refuse(made, table, action, default, state)
    if action.if_not_exists and not table.complete:
        _leave_open(made, table, action.column.name)
    return made.done()


_DOES = {Work.REWRITE: "rewritten", Work.SCAN: "read row by row", Work.BUILD: "given an index"}


def _leave_open(made: Making, table: Table, column: str) -> None:
    """Nothing is done where a column exists already, of which nobody knows.

    What fails at the first row unless it exists is said all the same.
    """
    works = dict.fromkeys(_DOES[task.work] for task in made.tasks if task.work in _DOES)
    fails = any(task.work is Work.FAIL and task.if_rows for task in made.tasks)
    kept = (Cause.VERSION, Cause.ADD_NOT_NULL) if fails else (Cause.VERSION,)
    made.tasks = [task for task in made.tasks if task.cause in kept]
    if works and not fails:
        done = f"the table is {' and '.join(works)} while nobody can use it"
        fact = f"whether column {column} of {table.name.name} exists already: if not, {done}"
        made.missing.clear()
        made.lacks(Cause.OPAQUE, table, fact)


def _default(column: Column, state: State) -> Expression | None:
    """The value rows get: the column's default, else that of its domain; NULL is none."""
    default = column.default
    if default is None and (type_ := _user_type(column, state)) is not None:
        default = type_.default
    while default is not None and default.form is Form.CAST:
        default = default.parts[0]
    if default is None or default.form is Form.NULL:
        return None
    return column.default or default


def _user_type(column: Column, state: State) -> UserType | None:
    if column.type is None or column.type.array:
        return None
    return state.schema.type(column.type.named)


def _fill(
    made: Making, table: Table, column: Column, default: Expression | None, state: State
) -> None:
    """The value of the new column in the rows that exist."""
    type_ = _user_type(column, state)
    if column.serial or column.identity:
        made.task(Work.REWRITE, table, Cause.ADD_SERIAL)
    elif column.generated == "stored":
        made.task(Work.REWRITE, table, Cause.GENERATED_STORED)
    elif type_ is not None and type_.kind == "domain" and type_.constrained:
        made.task(Work.REWRITE, table, Cause.CONSTRAINED_DOMAIN, str(column.type))
    elif column.generated == "virtual":
        if column.not_null:
            made.task(Work.SCAN, table, Cause.ADD_NOT_NULL)
    elif default is not None:
        _judge_default(made, table, default, state)
    elif column.not_null and not _unknown_type(column, state):
        made.task(Work.SCAN, table, Cause.ADD_NOT_NULL)
    _doubt_type(made, table, column, state)


def _judge_default(made: Making, table: Table, default: Expression, state: State) -> None:
    found = volatile(default, state)
    if found is True:
        made.task(Work.REWRITE, table, Cause.VOLATILE_DEFAULT, str(default))
    elif found:
        fact = f"whether {found}() is volatile"
        made.lacks(Cause.VOLATILE_DEFAULT, table, fact)


def _unknown_type(column: Column, state: State) -> bool:
    """Whether the type may be a domain that nobody has shown."""
    type_ = column.type
    known = type_ is None or type_.array or type_.built_in or _user_type(column, state) is not None
    return not known and not state.schema.complete


def _doubt_type(made: Making, table: Table, column: Column, state: State) -> None:
    if made.tasks or not _unknown_type(column, state):
        return
    fact = f"whether {column.type} is a domain with constraints"
    made.lacks(Cause.CONSTRAINED_DOMAIN, table, fact)


def _constrain(
    made: Making,
    table: Table,
    column: Column,
    constraint: Constraint,
    state: State,
) -> None:
    match constraint.kind:
        case Holds.CHECK if constraint.enforced:
            made.task(Work.SCAN, table, Cause.INLINE_CHECK, str(constraint.expression))
        case Holds.UNIQUE | Holds.PRIMARY_KEY | Holds.EXCLUDE:
            made.task(Work.BUILD, table, Cause.INLINE_UNIQUE, constraint.kind.value)
        case Holds.FOREIGN_KEY if constraint.references is not None:
            other = state.table(constraint.references)
            made.lock(Lock.SHARE_ROW_EXCLUSIVE, other)
            # DEFAULT NULL counts as a default here: the server checks it in every row.
            filled = column.default is not None or _default(column, state) is not None
            if filled and constraint.enforced:
                made.task(Work.SCAN, table, Cause.INLINE_FOREIGN_KEY, str(other.name))


def _refuse(
    made: Making,
    table: Table,
    action: act.AddColumn,
    default: Expression | None,
    state: State,
) -> None:
    column = action.column
    type_ = _user_type(column, state)
    filled = default is not None or column.serial or column.identity or column.generated
    primary = any(each.kind is Holds.PRIMARY_KEY for each in action.constraints)
    required = column.not_null or primary or bool(type_ and type_.not_null)
    if required and not filled and not _unknown_type(column, state):
        why = f"column {column.name} contains null values"
        made.fail("23502", table.name, Cause.ADD_NOT_NULL, why, if_rows=True)
    if column.generated == "virtual" and state.server < 18:
        why = "virtual generated columns need PostgreSQL 18"
        made.fail("42601", table.name, Cause.VERSION, why)
