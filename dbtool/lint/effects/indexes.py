"""What creating, dropping and rebuilding indexes does."""

from dbtool.lint import actions as act
from dbtool.lint.already import passed_over
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.making import Making, State
from dbtool.lint.replay.parts import share_of
from dbtool.lint.schema import Table


def create(action: act.CreateIndex, state: State) -> Effect:
    """CREATE INDEX: writers wait for a plain one, and a concurrent one for older snapshots."""
    table = state.table(action.table)
    made = Making()
    made.lacks_columns(table, action.index.columns)
    if action.concurrently and state.session.in_transaction:
        why = "CREATE INDEX CONCURRENTLY cannot run inside a transaction block"
        made.fail("25001", table.name, Cause.IN_TRANSACTION, why)
    elif action.concurrently and table.partition_by:
        why = f"cannot create index on partitioned table {table.name.name} concurrently"
        made.fail("0A000", table.name, Cause.PARTITIONED, why)
    elif passed_over(action, state.schema):
        lock = Lock.SHARE_UPDATE_EXCLUSIVE if action.concurrently else Lock.SHARE
        made.lock(lock, *_indexed(action, table, state))
    elif action.index.name and action.index.name in table.indexes:
        why = f"relation {action.index.name} exists"
        made.lock(Lock.SHARE, table)
        made.fail("42P07", table.name, Cause.EXISTS, why)
    elif action.concurrently:
        made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, table)
        made.task(Work.BUILD, table, Cause.INDEX_CONCURRENTLY)
        made.task(Work.WAIT, table, Cause.INDEX_CONCURRENTLY)
    else:
        _build(made, action, table, state)
    return made.done()


def _build(made: Making, action: act.CreateIndex, table: Table, state: State) -> None:
    if action.only and not table.complete:
        fact = "whether the table is partitioned: then nothing is built yet"
        made.lock(Lock.SHARE, table).lacks(Cause.INDEX, table, fact)
        return
    if action.if_not_exists and action.index.name and not _seen(table, state):
        fact = "whether it exists already: if not, it is built while writes wait"
        made.lock(Lock.SHARE, table).lacks(Cause.INDEX, table, fact)
        return
    for each in _indexed(action, table, state):
        made.lock(Lock.SHARE, each)
        there = each is not table and share_of(each, action.index) is not None
        if not each.partition_by and not there:
            made.task(Work.BUILD, each, Cause.INDEX)


def _indexed(action: act.CreateIndex, table: Table, state: State) -> tuple[Table, ...]:
    """The tables that are locked for it, before its name is looked for: partitions as well."""
    partitions = table.partition_by and not action.only
    return state.schema.family(table) if partitions else (table,)


def _seen(table: Table, state: State) -> bool:
    """Whether all that was ever done to a table is known, its indexes too."""
    return table.complete or (state.schema.complete and table.name in state.schema.tables)


def _may_have_none(table: Table, state: State) -> bool:
    """Whether a table that was seen without an index may have been given one since."""
    there = table.name in state.schema.tables and not table.complete
    return there and not (table.indexes or _seen(table, state))


def _table_of(action: act.DropIndex | act.Reindex, state: State) -> Table:
    """The table of an index; where it is not known, a stand-in by the index's name."""
    name = action.index if isinstance(action, act.DropIndex) else action.name
    found = state.schema.index_table(name)
    return found if found is not None else Table(name=state.schema.full(name), complete=False)


def drop(action: act.DropIndex, state: State) -> Effect:
    """DROP INDEX: nobody reads or writes the table while it goes on."""
    table = _table_of(action, state)
    index = table.indexes.get(action.index.name)
    made = Making()
    if index is None and action.if_exists and state.schema.complete:
        return made.done()
    if action.concurrently and state.session.in_transaction:
        why = "DROP INDEX CONCURRENTLY cannot run inside a transaction block"
        made.fail("25001", table.name, Cause.IN_TRANSACTION, why)
        return made.done()
    if index is not None and index.constraint:
        why = f"constraint {index.constraint} of {table.name.name} needs it"
        made.fail("2BP01", table.name, Cause.DEPENDENT, why)
    if action.concurrently and table.partition_by:
        why = f"cannot drop partitioned index {action.index.name} concurrently"
        made.fail("0A000", table.name, Cause.PARTITIONED, why)
    elif action.concurrently:
        made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, table)
        made.task(Work.WAIT, table, Cause.DROP_INDEX)
    else:
        family = state.schema.family(table) if table.partition_by else (table,)
        made.lock(Lock.ACCESS_EXCLUSIVE, *family)
    return made.done()


def reindex(action: act.Reindex, state: State) -> Effect:
    """REINDEX: readers wait for the index, writers for the table."""
    made = Making()
    whole = action.kind not in ("index", "table")
    table = state.table(action.name) if action.kind == "table" else _table_of(action, state)
    alone = action.concurrently or whole or table.partition_by
    if state.session.in_transaction and alone:
        why = f"REINDEX {action.kind.upper()} cannot run inside a transaction block"
        made.fail("25001", table.name, Cause.IN_TRANSACTION, why)
        return made.done()
    if action.kind == "table" and not action.concurrently and _may_have_none(table, state):
        fact = f"whether {table.name.name} has an index: each is built anew while writes wait"
        return made.lock(Lock.SHARE, table).lacks(Cause.OPAQUE, table, fact).done()
    # Children that inherit are left alone, as partitions are not.
    family = state.schema.family(table) if table.partition_by else (table,)
    touched = (*state.schema.tables.values(),) if whole else family
    for each in touched:
        if each.partition_by or (
            action.kind == "table" and not each.indexes and _seen(each, state)
        ):
            made.lock(Lock.SHARE, each)
        elif action.concurrently:
            made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, each)
            made.task(Work.BUILD, each, Cause.INDEX_CONCURRENTLY)
            made.task(Work.WAIT, each, Cause.INDEX_CONCURRENTLY)
        else:
            made.lock(Lock.SHARE, each).task(Work.BUILD, each, Cause.REINDEX)
    return made.done()
