"""What a change of a column's type does, by the rules ALTER TABLE itself goes by."""

from collections.abc import Iterator
from enum import Enum

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.casts import Coerced, castable, coerced, operators
from dbtool.lint.effects.making import Making, State
from dbtool.lint.expression import Expression, Form
from dbtool.lint.schema import Column, Constraint, Holds, Index, Table, Type


class Way(Enum):
    """What becomes of the rows."""

    KEPT = "kept"
    REWRITTEN = "rewritten"
    ZONED = "kept under UTC"
    UNKNOWN = "unknown"


def change(action: act.AlterColumnType, state: State) -> Effect:
    """ALTER COLUMN … TYPE."""
    table = state.table(action.table)
    made = Making()
    family = state.schema.family(table)
    made.lock(Lock.ACCESS_EXCLUSIVE, *family)
    column = table.columns.get(action.column)
    if column is None or column.type is None:
        if table.complete and column is None:
            why = f"column {action.column} of {table.name.name} does not exist"
            made.fail("42703", table.name, Cause.MISSING, why)
        else:
            fact = f"the type of {action.column} before"
            made.lacks(Cause.TYPE_CHANGE, table, fact)
        return made.done()
    _refuse(made, table, action, column, state)
    way = _way(column.type, action, state)
    for each in (each for each in family if not each.partition_by):
        _work(made, each, action, column, way, state)
    _lock_relatives(made, table, action.column, way, state)
    return made.done()


def _way(old: Type, action: act.AlterColumnType, state: State) -> Way:
    steps = _steps(action)
    if steps is None:
        return Way.REWRITTEN
    way = Way.KEPT
    for step in steps:
        found, old = coerced(old, step, state.schema)
        match found:
            case Coerced.CONVERTED:
                return Way.REWRITTEN
            case Coerced.UNKNOWN:
                way = Way.UNKNOWN
            case Coerced.BY_ZONE if way is Way.KEPT:
                way = Way.ZONED
    return _by_zone(way, state)


def _by_zone(way: Way, state: State) -> Way:
    zone = state.session.settings.get("timezone", "").lower()
    if way is not Way.ZONED or not zone:
        return way
    utc = zone in ("utc", "gmt", "etc/utc", "etc/gmt", "zulu", "uct", "universal", "utc0", "0")
    return Way.KEPT if utc else Way.REWRITTEN


def _steps(action: act.AlterColumnType) -> tuple[Type, ...] | None:
    """The types the value goes through; None where it is computed."""
    found = [action.type]
    using = action.using
    while using is not None and using.form is Form.CAST and using.type is not None:
        found.append(using.type)
        using = using.parts[0]
    if using is not None and using != Expression(Form.COLUMN, action.column):
        return None
    return tuple(reversed(found))


def _work(
    made: Making,
    table: Table,
    action: act.AlterColumnType,
    column: Column,
    way: Way,
    state: State,
) -> None:
    says = f"{column.type} to {action.type}"
    match way:
        case Way.REWRITTEN:
            made.task(Work.REWRITE, table, Cause.TYPE_CHANGE, says)
            return
        case Way.ZONED:
            decide = "SET LOCAL TimeZone = 'UTC' before it, in the same transaction"
            fact = "the session's TimeZone: only under UTC the rows stay as they are"
            made.lacks(Cause.TIME_ZONE, table, fact, decide)
        case Way.UNKNOWN:
            fact = f"whether {action.type} is a domain with constraints, or stored otherwise"
            made.lacks(Cause.TYPE_CHANGE, table, fact)
    for index in table.indexes.values():
        if index.uses(action.column) and _rebuilt(index, column, action, state):
            made.task(Work.BUILD, table, Cause.TYPE_REINDEX, index.name)
    for index in _given(table, action.column, state):
        made.task(Work.BUILD, table, Cause.TYPE_REINDEX, index.name)
    for each in table.having(Holds.CHECK):
        if each.valid and action.column in each.columns:
            made.task(Work.SCAN, table, Cause.TYPE_RECHECK, each.name)


def _given(part: Table, column: str, state: State) -> Iterator[Index]:
    """The indexes of the whole that a partition had no share of, as they were made ON ONLY it.

    The server makes them anew without that word.
    """
    while part.bound is not None and part.parent is not None:
        whole, shares = state.table(part.parent), {each.part_of for each in part.indexes.values()}
        for index in whole.indexes.values():
            if index.uses(column) and index.name not in shares:
                yield index
        part = whole


def _rebuilt(index: Index, column: Column, action: act.AlterColumnType, state: State) -> bool:
    """Whether an index cannot go on as it is."""
    if index.expressions or index.predicate is not None:
        return True
    if index.part_of:
        # The index of the whole has no file that could be kept, and its parts go with it.
        return True
    if index.method == "gin" and action.type.array:
        return True
    if action.column not in index.columns or column.type is None:
        return False
    if column.collation != action.collation:
        return True
    before = operators(column.type, state.schema)
    return before != operators(action.type, state.schema)


def _refuse(
    made: Making, table: Table, action: act.AlterColumnType, column: Column, state: State
) -> None:
    if state.schema.readers(table.name, action.column):
        view = state.schema.readers(table.name, action.column)[0]
        why = f"view {view.name.name} uses the column"
        made.fail("0A000", table.name, Cause.TYPE_USED, why)
    for each in table.columns.values():
        made_of = each.default.columns if each.generated and each.default else ()
        if action.column in made_of and each.name != action.column:
            why = f"generated column {each.name} is made from it"
            made.fail("0A000", table.name, Cause.TYPE_USED, why)
    for trigger, columns in table.triggers.items():
        if action.column in columns:
            why = f"trigger {trigger} is for UPDATE OF it"
            made.fail("0A000", table.name, Cause.TYPE_USED, why)
    if table.bound is not None:
        why = f"{table.name.name} is a partition: the type is that of the whole table"
        made.fail("42P16", table.name, Cause.PARTITIONED, why)
    for part in state.schema.family(table):
        if action.column in part.partition_keys:
            why = f"{part.name.name} is partitioned by it"
            made.fail("42P16", table.name, Cause.TYPE_USED, why)
    _refuse_cast(made, table, action, column, state)


def _refuse_cast(
    made: Making, table: Table, action: act.AlterColumnType, column: Column, state: State
) -> None:
    if column.type is not None and castable(column.type, action.type, state.schema) is False:
        if action.using is None:
            why = f"{column.type} cannot be cast to {action.type} by itself: it takes USING"
            made.fail("42804", table.name, Cause.TYPE_UNCASTABLE, why)
        elif column.default is not None and not _goes_along(column, action.type, state):
            why = f"the default of {column.name} cannot be cast to {action.type} by itself"
            made.fail("42804", table.name, Cause.TYPE_UNCASTABLE, why)


def _goes_along(column: Column, new: Type, state: State) -> bool:
    """Whether a default can become one of the new type: it is kept as it was written."""
    default = column.default
    if column.generated or default is None:
        return True
    if default.form is Form.NULL:
        return True
    number = default.form is Form.CONSTANT and default.word[:1].isdigit()
    written = Type("numeric" if "." in default.word else "int4")
    return number and castable(written, new, state.schema) is not False


def _lock_relatives(made: Making, table: Table, column: str, way: Way, state: State) -> None:
    """Foreign keys on either side of the column are made anew, and proven where rows changed."""
    for key in table.foreign_keys:
        if column in key.columns and key.references is not None:
            _make_anew(made, key, table, state.table(key.references), way)
    for other in state.schema.referring(table):
        for key in other.foreign_keys:
            columns = key.referenced or table.primary_key
            if key.references == table.name and column in columns:
                _make_anew(made, key, table, other, way)


def _make_anew(made: Making, key: Constraint, table: Table, other: Table, way: Way) -> None:
    made.lock(Lock.ACCESS_EXCLUSIVE, other)
    proven = way is Way.REWRITTEN and key.valid and key.enforced
    if proven and other.name != table.name and not other.partition_by:
        made.task(Work.SCAN, other, Cause.TYPE_CHANGE, key.name)
