"""What attaching and detaching partitions does."""

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.bounds import inside
from dbtool.lint.effects.making import Making, State
from dbtool.lint.effects.tables import defaults, scan_default
from dbtool.lint.replay.parts import key_of, share_of
from dbtool.lint.schema import Bound, Schema, Table


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
    proven = within(child, parent, action.bound, state.schema)
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


def within(table: Table, parent: Table, bound: Bound, schema: Schema) -> bool | None:
    """Whether the validated checks of a table prove that its rows are in the bound."""
    if not parent.complete or not table.complete:
        return None
    return inside(table, parent, bound, schema)


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
