"""What changes of a domain or a composite type do to every table that uses it."""

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.making import Making, State
from dbtool.lint.schema import Table


def alter(action: act.AlterDomain, state: State) -> Effect:
    """ALTER DOMAIN: a constraint is checked in all rows of all tables, writers waiting."""
    made = Making()
    constraint = action.constraint
    checked = action.change in ("validate constraint", "set not null") or (
        action.change == "add constraint" and constraint is not None and constraint.valid
    )
    if not checked or _required_already(action, state):
        return made.done()
    found = False
    for table, column in state.schema.using(action.name, derived=True):
        found = True
        if column.type is not None and column.type.array:
            why = f"column {column.name} of {table.name.name} is an array of it"
            made.fail("0A000", table.name, Cause.DEPENDENT, why)
        elif not table.partition_by:
            made.lock(Lock.SHARE, table)
            made.task(Work.SCAN, table, Cause.DOMAIN_CHECKED, column.name)
    if not found and not state.schema.complete:
        name = state.schema.full(action.name)
        fact = "which tables have a column of this domain: each is read"
        made.lacks(Cause.DOMAIN_CHECKED, Table(name=name, complete=False), fact)
    return made.done()


def _required_already(action: act.AlterDomain, state: State) -> bool:
    """Whether the domain is NOT NULL as it is, so that nothing is looked at."""
    known = state.schema.type(action.name)
    return known is not None and known.not_null and action.change == "set not null"


def alter_composite(action: act.AlterType, state: State) -> Effect:
    """ALTER TYPE of a composite type: with CASCADE the tables made OF it change as well."""
    made = Making()
    found = state.schema.type(action.name)
    name = found.name if found is not None else state.schema.full(action.name)
    typed = [each for each in state.schema.tables.values() if each.of_type == name]
    for table in typed:
        if not action.cascade:
            why = f"{table.name.name} is a table of that type"
            made.fail("2BP01", name, Cause.REFUSED, why)
            break
        made.lock(Lock.ACCESS_EXCLUSIVE, table)
    if not action.cascade or action.change != "AlterColumnType":
        return made.done()
    if typed:
        fact = "whether the new type has every row written anew of what is made OF it"
        made.lacks(Cause.TYPE_CHANGE, typed[0], fact, "run it in scratch with --measure")
    elif not state.schema.complete:
        fact = "which tables are made OF this type: they may be written anew"
        made.lacks(Cause.TYPE_CHANGE, Table(name=name, complete=False), fact)
    return made.done()
