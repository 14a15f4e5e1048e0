"""What creating, dropping and rebuilding indexes does."""

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.making import Making, State


def create(action: act.CreateIndex, state: State) -> Effect:
    """CREATE INDEX: writers wait for a plain one, and a concurrent one for older snapshots."""
    table = state.table(action.table)
    made = Making()
    if action.if_not_exists and action.index.name in table.indexes:
        return made.lock(Lock.SHARE, table).done()
    if action.concurrently:
        if state.session.in_transaction:
            why = "CREATE INDEX CONCURRENTLY cannot run inside a transaction block"
            made.fail("25001", table.name, Cause.IN_TRANSACTION, why)
        elif table.partition_by:
            why = f"cannot create index on partitioned table {table.name.name} concurrently"
            made.fail("0A000", table.name, Cause.PARTITIONED, why)
        else:
            made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, table)
            made.task(Work.BUILD, table, Cause.INDEX_CONCURRENTLY)
            made.task(Work.WAIT, table, Cause.INDEX_CONCURRENTLY)
        return made.done()
    if action.only and table.partition_by:
        return made.lock(Lock.SHARE, table).done()
    for each in state.schema.family(table) if table.partition_by else (table,):
        made.lock(Lock.SHARE, each).task(Work.BUILD, each, Cause.INDEX)
    return made.done()
