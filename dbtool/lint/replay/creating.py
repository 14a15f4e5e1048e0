"""What a new table has from the start: of its own, of tables above it, of those it is like."""

from dbtool.lint import actions as act
from dbtool.lint.already import passed_over
from dbtool.lint.replay import parts, sequences
from dbtool.lint.replay.tables import (
    add_constraint,
    add_index,
    known,
    placed,
    resolved,
    store,
)
from dbtool.lint.schema import (
    USUAL_TABLESPACE,
    Column,
    Constraint,
    Holds,
    Name,
    Schema,
    Table,
    View,
)
from dbtool.lint.values import replace

_INDEXED = (Holds.PRIMARY_KEY, Holds.UNIQUE, Holds.EXCLUDE)


def create(schema: Schema, action: act.CreateTable) -> None:
    """CREATE TABLE."""
    if passed_over(action, schema):
        return
    name = schema.full(action.table)
    parent = known(schema, action.partition_of) if action.partition_of else None
    above = [parent] if parent else [known(schema, each) for each in action.inherits]
    above = [each for each in above if not schema.within(each.name, name)]
    sources = [(schema.table(like.table), like) for like in action.likes]
    columns: dict[str, Column] = {}
    for each in above:
        columns |= each.columns
    for source, like in sources:
        columns |= _copied(source, like) if source else {}
    table = Table(
        name=name,
        kind=action.kind,
        columns=columns | {each.name: placed(schema, each) for each in action.columns},
        complete=action.of_type is None
        and all(each.complete for each in above)
        and all(source is not None and source.complete for source, _ in sources),
        new=schema.judging,
        persistence=action.persistence,
        tablespace=_placed_in(action.tablespace or (parent.tablespace if parent else "")),
        partition_by=action.partition_by,
        partition_keys=action.partition_keys,
        parent=above[0].name if above else None,
        bound=action.bound,
        of_type=_type_of(schema, action),
    )
    store(schema, table)
    for column in action.columns:
        sequences.number(schema, name, column.name, column.sequence)
    for each in above:
        whole = replace(each, children=(*each.children, name))
        store(schema, whole)
        _take_over(schema, name, each)
        if parent is not None:
            parts.join(schema, name, whole)
    for constraint in action.constraints:
        add_constraint(schema, name, _of_no_rows(constraint))
    for source, like in sources:
        if source is not None:
            _copy_parts(schema, name, source, like)


def _placed_in(tablespace: str) -> str:
    return "" if tablespace == USUAL_TABLESPACE else tablespace


def _type_of(schema: Schema, action: act.CreateTable) -> Name | None:
    if action.of_type is None:
        return None
    found = schema.type(action.of_type)
    return found.name if found is not None else schema.full(action.of_type)


def _of_no_rows(constraint: Constraint) -> Constraint:
    """NOT VALID says nothing where there are no rows yet."""
    if constraint.valid == constraint.enforced:
        return constraint
    return replace(constraint, valid=constraint.enforced)


def _take_over(schema: Schema, name: Name, parent: Table) -> None:
    for constraint in parent.constraints.values():
        if constraint.kind in (Holds.CHECK, Holds.NOT_NULL) and not constraint.no_inherit:
            add_constraint(schema, name, _of_no_rows(constraint))


def _copied(source: Table, like: act.Like) -> dict[str, Column]:
    """The columns of another table, with what LIKE includes of their definitions."""
    found = {}
    for name, column in source.columns.items():
        kept = column.generated in ("", None) or "generated" in like.including
        defaults = "defaults" in like.including or bool(column.generated)
        found[name] = replace(
            column,
            default=column.default if kept and defaults else None,
            generated=column.generated if kept else "",
            identity=column.identity and "identity" in like.including,
            serial=column.serial and defaults,
        )
    return found


def _copy_parts(schema: Schema, name: Name, source: Table, like: act.Like) -> None:
    for constraint in source.constraints.values():
        if constraint.kind is Holds.CHECK and "constraints" in like.including:
            add_constraint(schema, name, _of_no_rows(constraint))
        elif constraint.kind in _INDEXED and "indexes" in like.including:
            add_constraint(schema, name, replace(constraint, name="", index=""))
    for index in source.indexes.values() if "indexes" in like.including else ():
        if not index.constraint:
            add_index(schema, replace(index, table=name, name="", part_of="", valid=True))


def create_as(schema: Schema, action: act.CreateTableAs) -> None:
    """CREATE TABLE AS and CREATE MATERIALIZED VIEW."""
    if passed_over(action, schema):
        return
    name = schema.full(action.table)
    store(
        schema,
        Table(
            name=name,
            kind="materialized view" if action.materialized else "table",
            complete=False,
            new=schema.judging,
            persistence=action.persistence,
            tablespace=_placed_in(action.tablespace),
        ),
    )
    if action.materialized:
        schema.put(schema.views, name, View(name=name, reads=resolved(schema, action.reads)))
