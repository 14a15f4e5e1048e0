"""What changes of a column do, its type and its addition apart."""

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.making import Making, State
from dbtool.lint.effects.proofs import not_null_proven


def set_not_null(action: act.SetNotNull, state: State) -> Effect:
    """SET NOT NULL reads the table unless a validated check has proven it."""
    made = Making()
    for table in state.schema.family(state.table(action.table)):
        made.lock(Lock.ACCESS_EXCLUSIVE, table)
        if not_null_proven(table, action.column):
            continue
        if table.complete:
            made.task(Work.SCAN, table, Cause.SET_NOT_NULL)
        else:
            fact = f"whether a validated check proves that {action.column} has no null"
            made.lacks(Cause.SET_NOT_NULL, table, fact)
    return made.done()
