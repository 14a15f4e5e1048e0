"""What statements about whole tables do."""

from dbtool.lint import actions as act
from dbtool.lint.already import passed_over
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.bounds import outside
from dbtool.lint.effects.existing import numbered
from dbtool.lint.effects.making import Making, State
from dbtool.lint.schema import USUAL_TABLESPACE, Bound, Name, Table


def create(action: act.CreateTable, state: State) -> Effect:
    """CREATE TABLE touches the tables it refers to and the one it becomes a partition of."""
    made = Making()
    if passed_over(action, state.schema):
        return made.done()
    there = state.schema.table(action.table)
    # A temporary one may have gone with its transaction or session.
    lasting = there is not None and there.persistence != "temporary"
    if there is not None and lasting and there.name == state.schema.full(action.table):
        made.fail("42P07", there.name, Cause.EXISTS, f"relation {action.table} exists")
        return made.done()
    others = (each.references for each in action.constraints if each.references is not None)
    for other in others:
        if state.schema.full(other) != state.schema.full(action.table):
            referred = state.table(other)
            parts = state.schema.family(referred) if referred.partition_by else (referred,)
            made.lock(Lock.SHARE_ROW_EXCLUSIVE, *parts)
            if state.schema.complete and state.schema.table(other) is None:
                why = f"relation {other} does not exist"
                made.fail("42P01", state.schema.full(other), Cause.MISSING, why)
    for each_parent in action.inherits:
        made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, state.table(each_parent))
    _join(made, action, state)
    return made.done()


def _join(made: Making, action: act.CreateTable, state: State) -> None:
    """What becoming a partition takes."""
    if action.partition_of is not None:
        parent = state.table(action.partition_of)
        made.lock(Lock.ACCESS_EXCLUSIVE, parent)
        for key in parent.foreign_keys:
            if key.references is not None:
                made.lock(Lock.SHARE_ROW_EXCLUSIVE, state.table(key.references))
        if action.bound is not None and not action.bound.default:
            scan_default(made, parent, action.bound, state)


def scan_default(made: Making, parent: Table, bound: Bound, state: State) -> None:
    """A new partition makes the server look for its rows in the default partition."""
    if not parent.complete and not parent.children:
        fact = "whether there is a DEFAULT partition: it would be read"
        made.lacks(Cause.DEFAULT_PARTITION, parent, fact)
    for child in defaults(parent, state):
        proven = outside(child, parent, bound, state.schema)
        for each in state.schema.family(child):
            made.lock(Lock.ACCESS_EXCLUSIVE, each)
            if each.partition_by or proven:
                continue
            if not outside(each, parent, bound, state.schema):
                made.task(Work.SCAN, each, Cause.DEFAULT_PARTITION)


def defaults(parent: Table, state: State) -> tuple[Table, ...]:
    """The default partition of a table, if it has one."""
    children = (state.table(name) for name in parent.children)
    return tuple(each for each in children if each.bound is not None and each.bound.default)


def inherit(action: act.Inherit, state: State) -> Effect:
    """INHERIT and NO INHERIT."""
    made = Making().lock(Lock.ACCESS_EXCLUSIVE, state.table(action.table))
    if not action.drop:
        made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, state.table(action.parent))
    return made.done()


def truncate(action: act.Truncate, state: State) -> Effect:
    """TRUNCATE takes the table, its partitions and, with CASCADE, whoever refers to it."""
    table = state.table(action.table)
    made = Making().lock(Lock.ACCESS_EXCLUSIVE, *state.schema.family(table))
    beside = {state.table(name).name for name in action.beside}
    for other in _referring(table, state) if action.cascade else state.schema.referring(table):
        if action.cascade:
            made.lock(Lock.ACCESS_EXCLUSIVE, other)
        elif other.name != table.name and other.name not in beside:
            why = f"a foreign key of {other.name.name} refers to it"
            made.fail("0A000", table.name, Cause.DEPENDENT, why)
    return made.done()


def _referring(table: Table, state: State) -> tuple[Table, ...]:
    """Whoever refers to a table, or to one that does."""
    found = {table.name: table}
    pending = [table]
    while pending:
        for other in state.schema.referring(pending.pop()):
            if other.name not in found:
                found[other.name] = other
                pending.append(other)
    return tuple(found.values())


_OF_TABLES = ("table", "column", "constraint", "trigger", "rule", "policy", "foreign table")


def rename(action: act.Rename, state: State) -> Effect:
    """RENAME of a table or a part of it: only the catalog changes."""
    made = Making()
    if state.schema.complete and state.schema.table(action.name) is None:
        # Of what is no table errors are judged elsewhere.
        return made.done()
    of_view = state.schema.view(action.name) and not state.schema.table(action.name)
    if action.kind in (*_OF_TABLES, "materialized view") and not of_view:
        table = state.table(action.name)
        made.lock(Lock.ACCESS_EXCLUSIVE, *_reached(action, table, state))
        _check_column(made, action, table)
    return made.done()


def _reached(action: act.Rename, table: Table, state: State) -> tuple[Table, ...]:
    return state.schema.family(table) if action.kind in ("column", "constraint") else (table,)


def _check_column(made: Making, action: act.Rename, table: Table) -> None:
    if action.kind == "column" and table.complete and action.part not in table.columns:
        why = f"column {action.part} of {table.name.name} does not exist"
        made.fail("42703", table.name, Cause.MISSING, why)
    elif action.kind == "column" and action.to in table.columns:
        why = f"column {action.to} of {table.name.name} exists"
        made.fail("42701", table.name, Cause.EXISTS, why)


def set_schema(action: act.SetSchema, state: State) -> Effect:
    """SET SCHEMA."""
    made = Making()
    known = state.schema.table(action.name)
    other = state.schema.view(action.name) or state.schema.sequence(action.name)
    relation = "table" in action.kind or action.kind == "materialized view"
    if known is not None and relation:
        made.lock(Lock.ACCESS_EXCLUSIVE, known)
    elif relation and not state.schema.complete and other is None:
        made.lock(Lock.ACCESS_EXCLUSIVE, state.table(action.name))
    elif relation and other is None and not (action.if_exists or numbered(action.name)):
        made.missing_relation(action.name, state)
    return made.done()


_MODES = {
    "set statistics": Lock.SHARE_UPDATE_EXCLUSIVE,
    "column options": Lock.SHARE_UPDATE_EXCLUSIVE,
    "set options": Lock.SHARE_UPDATE_EXCLUSIVE,
    "statistics object": Lock.SHARE_UPDATE_EXCLUSIVE,
    "publication": Lock.SHARE_UPDATE_EXCLUSIVE,
    "cluster on": Lock.SHARE_UPDATE_EXCLUSIVE,
    "set without cluster": Lock.SHARE_UPDATE_EXCLUSIVE,
    "enable trigger": Lock.SHARE_ROW_EXCLUSIVE,
    "disable trigger": Lock.SHARE_ROW_EXCLUSIVE,
}
_REWRITING = ("set logged", "set unlogged", "set tablespace", "set access method")


def alter(action: act.AlterTable, state: State) -> Effect:
    """The other ALTER TABLE commands: a lock, and for some a rewrite."""
    whole = state.table(action.table)
    made = Making()
    recurses = action.change in ("set statistics", "set storage", "set compression")
    recurses = recurses or (action.change == "publication" and not whole.partition_by)
    family = state.schema.family(whole) if recurses else (whole,)
    made.lock(_MODES.get(action.change, Lock.ACCESS_EXCLUSIVE), *family)
    if action.change in _REWRITING and not whole.partition_by:
        seen = state.schema.complete and state.schema.table(action.table) is not None
        if not whole.complete and not seen:
            fact = f"whether the table is so already: then {action.change.upper()} does nothing"
            made.lacks(Cause.REWRITE_COMMAND, whole, fact)
        elif not _is_so(whole, action):
            made.task(Work.REWRITE, whole, Cause.REWRITE_COMMAND, action.change)
    if action.change == "set unlogged":
        for other in state.schema.referring(whole):
            if other.name != whole.name and other.persistence == "permanent":
                why = f"{other.name.name} is logged and refers to it"
                made.fail("42P16", whole.name, Cause.DEPENDENT, why)
    return made.done()


def _is_so(table: Table, action: act.AlterTable) -> bool:
    """Whether a table is already as a command would make it."""
    match action.change:
        case "set logged":
            return table.persistence != "unlogged"
        case "set unlogged":
            return table.persistence == "unlogged"
        case "set tablespace":
            usual = "" if action.subject == USUAL_TABLESPACE else action.subject
            return table.tablespace == usual
    return action.subject in ("heap", "default")


def lock(action: act.LockTable, state: State) -> Effect:
    """LOCK TABLE."""
    table = state.table(action.table)
    return Making().lock(Lock(action.mode), *state.schema.family(table)).done()


def on_table(mode: Lock, state: State, name: Name) -> Effect:
    """A lock and nothing else."""
    return Making().lock(mode, state.table(name)).done()


def trigger(action: act.CreateTrigger, state: State) -> Effect:
    """CREATE TRIGGER."""
    table = state.table(action.table)
    family = state.schema.family(table) if table.partition_by else (table,)
    return Making().lock(Lock.SHARE_ROW_EXCLUSIVE, *family).done()


def policy(action: act.Policy, state: State) -> Effect:
    """CREATE and ALTER POLICY."""
    return on_table(Lock.ACCESS_EXCLUSIVE, state, action.table)


def rule(action: act.CreateRule, state: State) -> Effect:
    """CREATE RULE."""
    return on_table(Lock.ACCESS_EXCLUSIVE, state, action.table)


def comment(action: act.Comment, state: State) -> Effect:
    """COMMENT ON a table or a part of it."""
    if action.table is None or state.schema.table(action.table) is None:
        return Effect()
    return on_table(Lock.SHARE_UPDATE_EXCLUSIVE, state, action.table)
