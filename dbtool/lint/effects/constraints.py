"""What adding, validating and dropping constraints does."""

from dbtool.lint import actions as act
from dbtool.lint.effect import Cause, Effect, Lock, Work
from dbtool.lint.effects.making import Making, State, private
from dbtool.lint.effects.proofs import not_null_proven
from dbtool.lint.replay.parts import share_of
from dbtool.lint.schema import Constraint, Holds, Index, Table


def add(action: act.AddConstraint, state: State) -> Effect:
    """ADD CONSTRAINT in all its kinds."""
    table = state.table(action.table)
    made = Making()
    constraint = action.constraint
    same = table.constraints.get(constraint.name)
    if same is not None and not constraint.kind is same.kind is Holds.NOT_NULL:
        why = f"constraint {constraint.name} of {table.name.name} exists"
        made.fail("42710", table.name, Cause.EXISTS, why)
    made.lacks_columns(table, constraint.columns)
    match constraint.kind:
        case Holds.FOREIGN_KEY:
            _foreign_key(made, table, constraint, state)
        case Holds.CHECK:
            _over_rows(made, table, constraint, Cause.CHECK, state)
        case Holds.NOT_NULL:
            _not_null(made, table, constraint, state)
        case Holds.EXCLUDE:
            _built(made, table, Cause.EXCLUDE, state)
        case Holds.UNIQUE | Holds.PRIMARY_KEY if constraint.index:
            _using_index(made, table, constraint, state)
        case Holds.UNIQUE | Holds.PRIMARY_KEY if action.only and table.partition_by:
            made.lock(Lock.ACCESS_EXCLUSIVE, table)
        case Holds.UNIQUE:
            _built(made, table, Cause.UNIQUE, state, constraint)
        case Holds.PRIMARY_KEY:
            _built(made, table, Cause.PRIMARY_KEY, state, constraint)
            _nullable(made, table, constraint.columns, state)
    return made.done()


def _storages(table: Table, state: State) -> tuple[Table, ...]:
    """The tables of a family that hold rows."""
    return tuple(each for each in state.schema.family(table) if not each.partition_by)


def _over_rows(
    made: Making, table: Table, constraint: Constraint, cause: Cause, state: State
) -> None:
    alone = constraint.no_inherit and not table.partition_by
    family = (table,) if alone and state.server < 18 else state.schema.family(table)
    made.lock(Lock.ACCESS_EXCLUSIVE, *family)
    storages = (table,) if alone else _storages(table, state)
    for each in storages if constraint.valid else ():
        made.task(Work.SCAN, each, cause, str(constraint.expression or ""))


def _not_null(made: Making, table: Table, constraint: Constraint, state: State) -> None:
    if state.server < 18:
        why = "NOT NULL as a constraint of its own needs PostgreSQL 18"
        made.fail("42601", table.name, Cause.VERSION, why)
        return
    proven = all(not_null_proven(table, column) for column in constraint.columns)
    if table.complete or proven or not constraint.valid:
        made.lock(Lock.ACCESS_EXCLUSIVE, *state.schema.family(table))
        for each in _storages(table, state) if constraint.valid and not proven else ():
            made.task(Work.SCAN, each, Cause.NOT_NULL)
    else:
        made.lock(Lock.ACCESS_EXCLUSIVE, table)
        fact = f"whether a validated check proves that {constraint.columns[0]} has no null"
        made.lacks(Cause.NOT_NULL, table, fact)


def _foreign_key(made: Making, table: Table, constraint: Constraint, state: State) -> None:
    if constraint.references is None:
        return
    other = state.table(constraint.references)
    if state.schema.complete and state.schema.table(constraint.references) is None:
        why = f"relation {constraint.references} does not exist"
        made.fail("42P01", other.name, Cause.MISSING, why)
    # From 18 on every constraint that is added locks those below, also where it is not for them.
    mine = state.schema.family(table) if state.server >= 18 else _parts(table, state)
    made.lock(Lock.SHARE_ROW_EXCLUSIVE, *mine, *_parts(other, state))
    if not constraint.valid:
        if table.partition_by and constraint.enforced and state.server < 18:
            why = "a foreign key of a partitioned table can be NOT VALID from PostgreSQL 18 on"
            made.fail("42809", table.name, Cause.PARTITIONED, why)
        return
    parts = [each for each in _parts(table, state) if not each.partition_by]
    open_ = [each for each in parts if not _has_the_same(each, table, constraint, other)]
    if len(open_) < len(parts):
        # The server takes the partition's own key over, which it drops from both sides.
        made.lock(Lock.ACCESS_EXCLUSIVE, other)
    for each in open_:
        made.task(Work.SCAN, each, Cause.FOREIGN_KEY, str(other.name))
    if open_ and not private(table):
        for each in (each for each in _parts(other, state) if not each.partition_by):
            made.task(Work.SCAN, each, Cause.FOREIGN_KEY, str(table.name))


def _parts(table: Table, state: State) -> tuple[Table, ...]:
    """A table and its partitions: children that merely inherit have foreign keys of their own."""
    return state.schema.family(table) if table.partition_by else (table,)


def _has_the_same(part: Table, whole: Table, constraint: Constraint, other: Table) -> bool:
    """Whether a partition has a validated key that becomes its share of the whole one's."""
    return part.name != whole.name and any(
        each.valid and each.columns == constraint.columns and each.references == other.name
        for each in part.foreign_keys
    )


def _built(
    made: Making, table: Table, cause: Cause, state: State, key: Constraint | None = None
) -> None:
    whole, *parts = state.schema.family(table)
    made.lock(Lock.ACCESS_EXCLUSIVE, whole)
    made.lock(Lock.ACCESS_EXCLUSIVE if state.server >= 18 else Lock.SHARE, *parts)
    for each in _storages(table, state):
        if each is table or key is None or not _has_its_share(each, key):
            made.task(Work.BUILD, each, cause)


def _has_its_share(partition: Table, key: Constraint) -> bool:
    whole = Index(
        name="",
        table=partition.name,
        columns=key.columns,
        include=key.include,
        unique=True,
        constraint="whole",
    )
    return share_of(partition, whole) is not None


def _using_index(made: Making, table: Table, constraint: Constraint, state: State) -> None:
    made.lock(Lock.ACCESS_EXCLUSIVE, table)
    index = table.indexes.get(constraint.index)
    if table.partition_by:
        why = "not possible with USING INDEX on a partitioned table"
        # The server looks first whether every partition has its share.
        code = "0A000" if index is None or index.valid else "55000"
        made.fail(code, table.name, Cause.PARTITIONED, why)
        return
    if constraint.kind is Holds.PRIMARY_KEY:
        _nullable(made, table, index.columns if index else None, state)
    if index is None:
        if table.complete:
            why = f"index {constraint.index} does not exist"
            made.fail("42704", table.name, Cause.MISSING, why)
    elif index.predicate is not None or index.expressions or not index.unique:
        why = f"index {index.name} is not a plain unique index"
        made.fail("42809", table.name, Cause.MISSING, why)


def _nullable(made: Making, table: Table, columns: tuple[str, ...] | None, state: State) -> None:
    """The columns of a primary key that are nullable are checked row by row."""
    if columns is None or (
        not table.complete and any(not not_null_proven(table, column) for column in columns)
    ):
        fact = "whether the columns of the primary key are NOT NULL already"
        made.lacks(Cause.PRIMARY_KEY_NULLABLE, table, fact)
        return
    open_columns = [name for name in columns if not not_null_proven(table, name)]
    if open_columns:
        made.lock(Lock.ACCESS_EXCLUSIVE, *state.schema.family(table))
    for each in _storages(table, state) if open_columns else ():
        made.task(Work.SCAN, each, Cause.PRIMARY_KEY_NULLABLE, ", ".join(open_columns))


def _absent(table: Table, name: str, state: State) -> bool:
    """Whether a table has no such constraint; NOT NULL has one that nobody had to name."""
    unnamed = state.server >= 18 and name.endswith("_not_null")
    return table.complete and not unnamed


def validate(action: act.ValidateConstraint, state: State) -> Effect:
    """VALIDATE CONSTRAINT reads all rows, and lets reads and writes go on."""
    table = state.table(action.table)
    made = Making()
    constraint = table.constraints.get(action.constraint)
    made.lock(Lock.SHARE_UPDATE_EXCLUSIVE, *state.schema.family(table))
    if constraint is None:
        if _absent(table, action.constraint, state):
            why = f"constraint {action.constraint} of {table.name.name} does not exist"
            made.fail("42704", table.name, Cause.MISSING, why)
        if table.complete:
            return made.done()
    elif constraint.valid:
        return made.done()
    elif constraint.references is not None:
        made.lock(Lock.ROW_SHARE, *state.schema.family(state.table(constraint.references)))
    for each in _storages(table, state):
        held = state.session.held.get(each.name)
        under = held is not None and held[0].blocks_writes
        cause = Cause.VALIDATE_HELD if under else Cause.VALIDATE
        made.task(Work.SCAN, each, cause, action.constraint)
    return made.done()


def alter(action: act.AlterConstraint, state: State) -> Effect:
    """ALTER CONSTRAINT: its triggers change, and where it is enforced again its rows are proven."""
    table = state.table(action.table)
    made = Making().lock(Lock.ACCESS_EXCLUSIVE, table)
    constraint = table.constraints.get(action.constraint)
    if action.inherited is not None:
        _inherited(made, table, constraint, action.inherited, state)
    elif constraint is None:
        if action.enforced and not table.complete:
            fact = f"whether {action.constraint} is enforced already, and what it refers to"
            made.lacks(Cause.FOREIGN_KEY, table, fact)
    elif constraint.references is not None:
        other = state.table(constraint.references)
        if action.enforced is None or action.enforced == constraint.enforced:
            made.lock(Lock.ROW_EXCLUSIVE, other)
        elif not action.enforced:
            made.lock(Lock.ACCESS_EXCLUSIVE, other)
        else:
            _enforced(made, table, other, state)
    return made.done()


def _inherited(
    made: Making, table: Table, constraint: Constraint | None, inherited: bool, state: State
) -> None:
    """A NOT NULL that the children get, too, is proven for their rows."""
    made.lock(Lock.ACCESS_EXCLUSIVE, *state.schema.family(table))
    if not inherited:
        return
    if constraint is None:
        if not table.complete:
            made.lacks(Cause.NOT_NULL, table, "which tables inherit from it: each is read")
        return
    for each in state.schema.family(table):
        if each.name != table.name and not all(
            not_null_proven(each, column) for column in constraint.columns
        ):
            made.task(Work.SCAN, each, Cause.NOT_NULL, constraint.name)


def _enforced(made: Making, table: Table, other: Table, state: State) -> None:
    made.lock(Lock.SHARE_ROW_EXCLUSIVE, other)
    for here, there in ((table, other), (other, table)):
        for each in _storages(here, state):
            made.task(Work.SCAN, each, Cause.FOREIGN_KEY, str(there.name))


def drop(action: act.DropConstraint, state: State) -> Effect:
    """DROP CONSTRAINT; that of a foreign key takes the other table too."""
    table = state.table(action.table)
    made = Making().lock(Lock.ACCESS_EXCLUSIVE, *state.schema.family(table))
    constraint = table.constraints.get(action.constraint)
    if constraint is None:
        if _absent(table, action.constraint, state) and not action.if_exists:
            why = f"constraint {action.constraint} of {table.name.name} does not exist"
            made.fail("42704", table.name, Cause.MISSING, why)
    elif constraint.references is not None:
        made.lock(Lock.ACCESS_EXCLUSIVE, state.table(constraint.references))
    elif constraint.kind in (Holds.PRIMARY_KEY, Holds.UNIQUE):
        _referred_to(made, table, constraint, action, state)
    return made.done()


def _referred_to(
    made: Making,
    table: Table,
    constraint: Constraint,
    action: act.DropConstraint,
    state: State,
) -> None:
    for other in state.schema.referring(table):
        keys = [each for each in other.foreign_keys if each.references == table.name]
        if not any(set(each.referenced) == set(constraint.columns) for each in keys):
            continue
        made.lock(Lock.ACCESS_EXCLUSIVE, other)
        if not action.cascade:
            why = f"a foreign key of {other.name.name} depends on it"
            made.fail("2BP01", table.name, Cause.DEPENDENT, why)
