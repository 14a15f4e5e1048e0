"""CREATE TABLE and ALTER TABLE in the parser's tree."""

from collections.abc import Callable, Iterator
from typing import Literal

from postgast import pg_query_pb2 as pb

from dbtool.lint import actions as act
from dbtool.lint.read.columns import (
    bound,
    collation,
    column,
    constraint,
    index,
    partitioning,
    sequence_name,
)
from dbtool.lint.read.expressions import optional
from dbtool.lint.read.names import Node, made_as, name_of, persistence, qualified, type_of
from dbtool.lint.read.query import reads
from dbtool.lint.read.rows import within
from dbtool.lint.schema import Column, Constraint, Name
from dbtool.lint.values import replace


def create_table(node: Node, foreign: bool = False) -> Iterator[act.Action]:
    """CREATE TABLE."""
    columns: list[Column] = []
    constraints: list[Constraint] = []
    likes: list[act.Like] = []
    for element in node.table_elts:
        kind = element.WhichOneof("node")
        if kind == "column_def":
            made, beside = column(element.column_def)
            columns.append(made)
            constraints.extend(beside)
        elif kind == "constraint" and (found := constraint(element.constraint)):
            constraints.append(found)
        elif kind == "table_like_clause":
            likes.append(_like(element.table_like_clause))
    parents = tuple(name_of(each.range_var) for each in node.inh_relations)
    of_partition = node.HasField("partbound")
    partition_by, keys = partitioning(node.partspec) if node.HasField("partspec") else ("", ())
    yield act.CreateTable(
        table=made_as(node.relation),
        columns=tuple(columns),
        constraints=tuple(constraints),
        kind="foreign table" if foreign else "table",
        if_not_exists=node.if_not_exists,
        persistence=persistence(node.relation),
        tablespace=node.tablespacename,
        partition_by=partition_by,
        partition_keys=keys,
        of_type=qualified(node.of_typename.names) if node.HasField("of_typename") else None,
        partition_of=parents[0] if of_partition and parents else None,
        bound=bound(node.partbound) if of_partition else None,
        inherits=() if of_partition else parents,
        likes=tuple(likes),
    )


_INCLUDED = {
    "constraints": 1 << 2,
    "defaults": 1 << 3,
    "generated": 1 << 4,
    "identity": 1 << 5,
    "indexes": 1 << 6,
}


def _like(node: Node) -> act.Like:
    included = (word for word, bit in _INCLUDED.items() if node.options & bit)
    return act.Like(name_of(node.relation), frozenset(included))


def create_foreign_table(node: Node) -> Iterator[act.Action]:
    """CREATE FOREIGN TABLE."""
    return create_table(node.base_stmt, foreign=True)


def create_table_as(node: Node) -> Iterator[act.Action]:
    """CREATE TABLE AS and CREATE MATERIALIZED VIEW."""
    if not node.into.skip_data:
        yield from within(node.query.select_stmt)
    yield act.CreateTableAs(
        table=made_as(node.into.rel),
        materialized=node.objtype == pb.OBJECT_MATVIEW,
        with_data=not node.into.skip_data,
        if_not_exists=node.if_not_exists,
        persistence=persistence(node.into.rel),
        tablespace=node.into.table_space_name,
        reads=reads(node.query),
    )


def create_index(node: Node) -> Iterator[act.Action]:
    """CREATE INDEX."""
    yield act.CreateIndex(
        index=index(node),
        concurrently=node.concurrent,
        if_not_exists=node.if_not_exists,
        only=not node.relation.inh,
    )


def alter_table(node: Node) -> Iterator[act.Action]:
    """ALTER TABLE, and its relatives for indexes, views, sequences and composite types."""
    name = name_of(node.relation)
    if node.objtype == pb.OBJECT_TYPE:
        for each in node.cmds:
            change = pb.AlterTableType.Name(each.alter_table_cmd.subtype)[3:]
            cascade = each.alter_table_cmd.behavior == pb.DROP_CASCADE
            yield act.AlterType(name=name, change=change, cascade=cascade)
        return
    for each in node.cmds:
        command = each.alter_table_cmd
        reader = _COMMANDS.get(command.subtype)
        if node.objtype == pb.OBJECT_INDEX:
            yield _alter_index(name, command)
        elif node.objtype == pb.OBJECT_SEQUENCE:
            yield act.Other(kind="AlterSequence")
        elif reader is None:
            change = _CHANGES.get(command.subtype, "option")
            yield act.AlterTable(table=name, change=change, subject=_subject(command))
        else:
            yield _limited(reader(name, command), only=not node.relation.inh)


def _subject(command: Node) -> str:
    """What a command names; SET ACCESS METHOD DEFAULT names nothing."""
    if command.subtype == pb.AT_SetAccessMethod and not command.name:
        return "default"
    return str(command.name)


_MAY_BE_ALONE = (act.AddColumn, act.AddConstraint, act.SetDefault, act.AlterColumnType)


def _limited(action: act.Action, *, only: bool) -> act.Action:
    """An action for which it matters that ONLY leaves partitions and children alone."""
    if only and isinstance(action, _MAY_BE_ALONE):
        return replace(action, only=True)
    return action


def _alter_index(name: Name, command: Node) -> act.Action:
    if command.subtype == pb.AT_AttachPartition:
        return act.AttachIndex(
            index=name, partition=name_of(getattr(command, "def").partition_cmd.name)
        )
    return act.Other(kind="AlterIndex")


def _definition(command: Node) -> Node:
    return getattr(command, "def")


def _add_column(name: Name, command: Node) -> act.Action:
    made, beside = column(_definition(command).column_def)
    return act.AddColumn(
        table=name, column=made, constraints=beside, if_not_exists=command.missing_ok
    )


def _drop_column(name: Name, command: Node) -> act.Action:
    return act.DropColumn(
        table=name,
        column=command.name,
        cascade=command.behavior == pb.DROP_CASCADE,
        if_exists=command.missing_ok,
    )


def _alter_type(name: Name, command: Node) -> act.Action:
    made = _definition(command).column_def
    return act.AlterColumnType(
        table=name,
        column=command.name,
        type=type_of(made.type_name),
        using=optional(made, "raw_default"),
        collation=collation(made),
    )


def _default(name: Name, command: Node) -> act.Action:
    default = optional(command, "def")
    return act.SetDefault(table=name, column=command.name, default=default)


def _expression(name: Name, command: Node) -> act.Action:
    made = optional(command, "def")
    return act.SetExpression(table=name, column=command.name, expression=made)


def _add_constraint(name: Name, command: Node) -> act.Action:
    found = constraint(_definition(command).constraint)
    if found is None:
        return act.AlterTable(table=name, change="option")
    return act.AddConstraint(table=name, constraint=found)


def _drop_constraint(name: Name, command: Node) -> act.Action:
    return act.DropConstraint(
        table=name,
        constraint=command.name,
        cascade=command.behavior == pb.DROP_CASCADE,
        if_exists=command.missing_ok,
    )


def _alter_constraint(name: Name, command: Node) -> act.Action:
    made = _definition(command)
    inner = getattr(made, made.WhichOneof("node"))
    return act.AlterConstraint(
        table=name,
        constraint=getattr(inner, "conname", "") or command.name,
        enforced=inner.is_enforced if getattr(inner, "alter_enforceability", False) else None,
        inherited=not inner.noinherit if getattr(inner, "alter_inheritability", False) else None,
    )


def _attach(name: Name, command: Node) -> act.Action:
    made = _definition(command).partition_cmd
    return act.AttachPartition(table=name, partition=name_of(made.name), bound=bound(made.bound))


def _detach(name: Name, command: Node) -> act.Action:
    made = _definition(command).partition_cmd
    return act.DetachPartition(
        table=name,
        partition=name_of(made.name),
        concurrently=made.concurrent,
        finalize=command.subtype == pb.AT_DetachPartitionFinalize,
    )


def _inherit(name: Name, command: Node) -> act.Action:
    parent = name_of(_definition(command).range_var)
    return act.Inherit(table=name, parent=parent, drop=command.subtype == pb.AT_DropInherit)


def _identity(change: Literal["add", "set", "drop"]) -> Callable[[Name, Node], act.Action]:
    def read(name: Name, command: Node) -> act.Action:
        named = sequence_name(_definition(command).constraint.options) if change == "add" else None
        return act.ChangeIdentity(table=name, column=command.name, change=change, sequence=named)

    return read


_COMMANDS: dict[int, Callable[[Name, Node], act.Action]] = {
    pb.AT_AddColumn: _add_column,
    pb.AT_DropColumn: _drop_column,
    pb.AT_AlterColumnType: _alter_type,
    pb.AT_ColumnDefault: _default,
    pb.AT_SetNotNull: lambda name, c: act.SetNotNull(table=name, column=c.name),
    pb.AT_DropNotNull: lambda name, c: act.DropNotNull(table=name, column=c.name),
    pb.AT_SetExpression: _expression,
    pb.AT_DropExpression: lambda name, c: act.SetExpression(table=name, column=c.name),
    pb.AT_AddIdentity: _identity("add"),
    pb.AT_SetIdentity: _identity("set"),
    pb.AT_DropIdentity: _identity("drop"),
    pb.AT_AddConstraint: _add_constraint,
    pb.AT_AlterConstraint: _alter_constraint,
    pb.AT_ValidateConstraint: lambda name, c: act.ValidateConstraint(table=name, constraint=c.name),
    pb.AT_DropConstraint: _drop_constraint,
    pb.AT_AddInherit: _inherit,
    pb.AT_DropInherit: _inherit,
    pb.AT_AttachPartition: _attach,
    pb.AT_DetachPartition: _detach,
    pb.AT_DetachPartitionFinalize: _detach,
}

_CHANGES = {
    pb.AT_SetStatistics: "set statistics",
    pb.AT_SetOptions: "column options",
    pb.AT_ResetOptions: "column options",
    pb.AT_SetStorage: "set storage",
    pb.AT_SetCompression: "set compression",
    pb.AT_ChangeOwner: "owner",
    pb.AT_ClusterOn: "cluster on",
    pb.AT_DropCluster: "set without cluster",
    pb.AT_SetLogged: "set logged",
    pb.AT_SetUnLogged: "set unlogged",
    pb.AT_SetAccessMethod: "set access method",
    pb.AT_SetTableSpace: "set tablespace",
    pb.AT_SetRelOptions: "set options",
    pb.AT_ResetRelOptions: "set options",
    pb.AT_EnableTrig: "enable trigger",
    pb.AT_EnableAlwaysTrig: "enable trigger",
    pb.AT_EnableReplicaTrig: "enable trigger",
    pb.AT_EnableTrigAll: "enable trigger",
    pb.AT_EnableTrigUser: "enable trigger",
    pb.AT_DisableTrig: "disable trigger",
    pb.AT_DisableTrigAll: "disable trigger",
    pb.AT_DisableTrigUser: "disable trigger",
    pb.AT_EnableRule: "enable rule",
    pb.AT_DisableRule: "disable rule",
    pb.AT_ReplicaIdentity: "replica identity",
    pb.AT_EnableRowSecurity: "enable row security",
    pb.AT_DisableRowSecurity: "row level security",
    pb.AT_ForceRowSecurity: "row level security",
    pb.AT_NoForceRowSecurity: "row level security",
}
