"""What attaching and detaching partitions does."""

from datetime import UTC, datetime

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.bounds import bare
from dbtool.lint.effects.making import Making, State
from dbtool.lint.effects.proofs import not_null_proven
from dbtool.lint.effects.tables import defaults, scan_default
from dbtool.lint.expression import Expression, Form
from dbtool.lint.replay.parts import key_of, share_of
from dbtool.lint.schema import Bound, Holds, Table


def attach(action: act.AttachPartition, state: State) -> Effect:
    """ATTACH PARTITION reads the partition unless a validated check has its bounds."""
    parent, child = state.table(action.table), state.table(action.partition)
    made = Making()
    made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, parent)
    made.lock(Lock.ACCESS_EXCLUSIVE, *state.schema.family(child))
    if parent.complete and child.complete:
        _make_indexes(made, parent, child, state)
        _make_foreign_keys(made, parent, child, state)
    if action.bound.default:
        _scan_as_default(made, parent, child)
        return made.done()
    proven = within(child, parent, action.bound)
    if proven is None:
        fact = "whether a validated check proves the bounds of the partition"
        made.lacks(Cause.ATTACH, child, fact)
    for each in state.schema.family(child) if proven is False else ():
        if not each.partition_by:
            made.task(Work.SCAN, each, Cause.ATTACH, action.bound.text)
    scan_default(made, parent, action.bound, state)
    return made.done()


def _make_indexes(made: Making, parent: Table, child: Table, state: State) -> None:
    """The indexes of the whole that the partition lacks are built."""
    for index in parent.indexes.values():
        for each in state.schema.family(child):
            if not each.partition_by and share_of(each, index) is None:
                made.task(Work.BUILD, each, Cause.ATTACH_PARTS, f"index {index.name}")


def _make_foreign_keys(made: Making, parent: Table, child: Table, state: State) -> None:
    """Those that the partition has are taken over, which locks the other table; others proven."""
    for key in (each for each in parent.foreign_keys if each.references is not None):
        other = state.table(key.references or parent.name)
        if key_of(child, key) is not None:
            made.lock(Lock.ACCESS_EXCLUSIVE, other)
            continue
        made.lock(Lock.SHARE_ROW_EXCLUSIVE, other)
        for each in (*state.schema.family(child), *state.schema.family(other)):
            if not each.partition_by:
                made.task(Work.SCAN, each, Cause.ATTACH_PARTS, f"foreign key {key.name}")


def _scan_as_default(made: Making, parent: Table, child: Table) -> None:
    if parent.complete and not parent.children:
        return
    if child.complete and parent.complete:
        made.task(Work.SCAN, child, Cause.ATTACH, "DEFAULT")
    else:
        made.lacks(Cause.ATTACH, child, "whether a validated check proves the bounds")


def within(table: Table, parent: Table, bound: Bound) -> bool | None:
    """Whether the validated checks of a table prove that its rows are in the bound."""
    if not parent.complete or not table.complete:
        return None
    conditions = _conditions(parent, bound)
    if conditions is None:
        return False
    proven = {
        part
        for each in table.having(Holds.CHECK)
        if each.valid and each.expression is not None
        for part in _parts(each.expression)
    }
    return all(
        not_null_proven(table, each.parts[0].word)
        if each.form is Form.IS_NOT_NULL
        else _implied(each, proven)
        for each in conditions
    )


def _conditions(parent: Table, bound: Bound) -> tuple[Expression, ...] | None:
    """What a bound demands of one plain key column; None where it is more than that."""
    if len(parent.partition_keys) != 1 or not parent.partition_keys[0]:
        return None
    key = Expression(Form.COLUMN, parent.partition_keys[0])
    found = [Expression(Form.IS_NOT_NULL, "", (key,))]
    if bound.values:
        found.append(Expression(Form.OTHER, "in", (key, *map(bare, bound.values))))
    for operator, limits in ((">=", bound.lower), ("<", bound.upper)):
        for limit in limits:
            if limit.word.lower() not in ("minvalue", "maxvalue"):
                found.append(Expression(Form.OPERATOR, operator, (key, bare(limit))))
    return tuple(found) if len(found) > 1 else None


def _parts(expression: Expression) -> list[Expression]:
    if expression.form is Form.AND:
        return [part for each in expression.parts for part in _parts(each)]
    return [_plain(expression)]


def _plain(expression: Expression) -> Expression:
    """A condition in the form `_conditions` writes."""
    if expression.form is Form.OTHER and expression.word == "in":
        column, *items = expression.parts
        return Expression(Form.OTHER, "in", (column, *map(bare, items)))
    if expression.form is Form.OPERATOR and len(expression.parts) == 2:
        column, limit = expression.parts
        word = expression.word
        if column.form is not Form.COLUMN:
            column, limit = limit, column
            word = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(word, word)
        return Expression(Form.OPERATOR, word, (column, bare(limit)))
    return expression


def _implied(condition: Expression, proven: set[Expression]) -> bool:
    if condition in proven:
        return True
    key, *values = condition.parts
    for each in proven:
        if each.parts[:1] != (key,):
            continue
        if condition.word == "in":
            single = each.form is Form.OPERATOR and each.word == "="
            if (single or each.word == "in") and set(each.parts[1:]) <= set(values):
                return True
        elif each.form is Form.OPERATOR and _stricter(each, condition):
            return True
    return False


def _stricter(given: Expression, wanted: Expression) -> bool:
    """Whether `key >= 5` proves `key >= 1`, where the limits can be compared as numbers."""
    have, need = _limit(given.parts[1].word), _limit(wanted.parts[1].word)
    if have is None or need is None:
        return given.word == ">" and wanted.word == ">=" and given.parts == wanted.parts
    if given.word == "=":
        return have >= need if wanted.word == ">=" else have < need
    if wanted.word == ">=":
        return given.word in (">", ">=") and have >= need
    return (given.word == "<" and have <= need) or (given.word == "<=" and have < need)


def _limit(text: str) -> float | None:
    """A number, or a day as a number."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def detach(action: act.DetachPartition, state: State) -> Effect:
    """DETACH PARTITION holds up the whole table unless it is CONCURRENTLY."""
    parent, child = state.table(action.table), state.table(action.partition)
    made = Making()
    default = defaults(parent, state)
    if action.concurrently and state.session.in_transaction:
        why = "ALTER TABLE ... DETACH CONCURRENTLY cannot run inside a transaction block"
        made.fail("25001", parent.name, Cause.IN_TRANSACTION, why)
    elif action.concurrently and default:
        why = "not possible CONCURRENTLY beside a default partition"
        made.fail("55000", parent.name, Cause.PARTITIONED, why)
    elif action.concurrently or action.finalize:
        made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, parent).lock(Lock.ACCESS_EXCLUSIVE, child)
        made.task(Work.WAIT, parent, Cause.DETACH)
        if not action.finalize:
            _look_for_referring(made, parent, state)
    else:
        made.lock(Lock.ACCESS_EXCLUSIVE, parent, *state.schema.family(child), *default)
        _look_for_referring(made, parent, state)
        for key in (each for each in parent.foreign_keys if each.references is not None):
            made.lock(Lock.SHARE_ROW_EXCLUSIVE, state.table(key.references or parent.name))
    return made.done()


def _look_for_referring(made: Making, parent: Table, state: State) -> None:
    """Rows that refer to one of the partition stand in the way: they are looked for."""
    whole: Table | None = parent
    while whole is not None:
        referring = state.schema.referring(whole)
        for other in (each for each in referring if each.bound is None):
            made.lock(Lock.ACCESS_EXCLUSIVE, other)
            for each in state.schema.family(other):
                if not each.partition_by:
                    made.task(Work.SCAN, each, Cause.DETACH, str(whole.name))
        whole = state.table(whole.parent) if whole.parent is not None else None
