"""What maintenance, changes of rows and blocks of code do."""

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.making import Making, State
from dbtool.lint.schema import Index, Name, Table


def maintain(action: act.Maintain, state: State) -> Effect:
    """VACUUM, ANALYZE and CLUSTER."""
    made = Making()
    if action.table is None:
        tables = [each for each in state.schema.tables.values() if each.kind != "foreign table"]
    else:
        tables = [*state.schema.family(state.table(action.table))]
    alone = action.command in ("vacuum", "vacuum full") or (
        action.command == "cluster" and action.table is None
    )
    if alone and state.session.in_transaction:
        name = state.schema.full(action.table or Name("", ""))
        why = f"{action.command.upper()} cannot run inside a transaction block"
        made.fail("25001", name, Cause.IN_TRANSACTION, why)
        return made.done()
    for table in tables:
        if action.command in ("vacuum full", "cluster"):
            made.lock(Lock.ACCESS_EXCLUSIVE, table)
            made.task(Work.REWRITE, table, Cause.REWRITE_COMMAND, action.command)
        else:
            made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, table)
    return made.done()


def refresh(action: act.RefreshView, state: State) -> Effect:
    """REFRESH MATERIALIZED VIEW."""
    table = state.table(action.view)
    made = Making()
    if action.concurrently:
        known = state.schema.table(action.view) is not None
        if known and not any(map(_over_all_rows, table.indexes.values())):
            why = "not possible concurrently without a unique index over all rows"
            made.fail("55000", table.name, Cause.MISSING, why)
        made.lock(Lock.EXCLUSIVE, table)
        made.task(Work.SCAN, table, Cause.REFRESH, "concurrently")
    else:
        made.lock(Lock.ACCESS_EXCLUSIVE, table)
        if action.with_data:
            made.task(Work.REWRITE, table, Cause.REFRESH)
    return made.done()


def _over_all_rows(index: Index) -> bool:
    return index.unique and index.predicate is None and not index.expressions


def write(action: act.Write, state: State) -> Effect:
    """INSERT, UPDATE, DELETE, MERGE and COPY: others read on, and wait for changed rows only."""
    table = state.table(action.table)
    made = Making().lock(Lock.ROW_EXCLUSIVE, *_changed(action, table, state))
    if action.kind in (act.Writes.UPDATE, act.Writes.DELETE, act.Writes.MERGE):
        if not action.batch and not _by_key(action, table):
            made.task(Work.SCAN, table, Cause.ROWS_CHANGED, action.kind.value)
    elif not action.values:
        made.task(Work.SCAN, table, Cause.ROWS_CHANGED, action.kind.value)
    return made.done()


def _changed(action: act.Write, table: Table, state: State) -> tuple[Table, ...]:
    """The table, and its partitions where no condition may leave any of them out."""
    all_rows = action.kind in (act.Writes.UPDATE, act.Writes.DELETE) and not action.filtered
    whole = all_rows and table.partition_by and not action.only
    return state.schema.family(table) if whole else (table,)


def _by_key(action: act.Write, table: Table) -> bool:
    """Whether the condition picks rows by the primary key."""
    key = table.primary_key
    return action.where is not None and bool(key) and action.where.columns >= set(key)


def block(action: act.DoBlock, _: State) -> Effect:
    """DO: of what is not written out in it, only running it tells."""
    made = Making()
    if action.hidden:
        place = Table(name=Name("", "DO"), complete=False)
        decide = "run it in scratch with --measure"
        made.lacks(Cause.OPAQUE, place, action.hidden, decide)
    return made.done()


def too_deep(action: act.TooDeep, _: State) -> Effect:
    """A statement the parser hands over only in part."""
    made = Making()
    place = Table(name=Name("", action.command or "statement"), complete=False)
    fact = "what the statement does: it is nested too deeply to analyse"
    return made.lacks(Cause.OPAQUE, place, fact, "run it in scratch with --measure").done()
