"""Changes of rows in the parser's tree, and whether only a few are changed at a time."""

from collections.abc import Callable, Iterator

from postgast import pg_query_pb2 as pb

from dbtool.lint import actions as act
from dbtool.lint.expression import Expression, Form
from dbtool.lint.read.expressions import optional
from dbtool.lint.read.names import Node, name_of
from dbtool.lint.read.query import relations

_PICKING = (pb.ANY_SUBLINK, pb.ARRAY_SUBLINK)


def insert(node: Node) -> Iterator[act.Action]:
    """INSERT."""
    source = node.select_stmt.select_stmt
    yield act.Write(
        kind=act.Writes.INSERT,
        table=name_of(node.relation),
        columns=tuple(each.res_target.name for each in node.cols),
        filtered=source.HasField("where_clause") or source.HasField("limit_count"),
        values=len(source.values_lists) > 0 or not node.HasField("select_stmt"),
    )


def update(node: Node, few: bool = False) -> Iterator[act.Write]:
    """UPDATE; `few` says that a query beside it that it reads has a LIMIT."""
    yield act.Write(
        kind=act.Writes.UPDATE,
        table=name_of(node.relation),
        columns=tuple(each.res_target.name for each in node.target_list),
        filtered=node.HasField("where_clause"),
        where=(where := optional(node, "where_clause")),
        batch=_is_stretch(where) or _is_limited(node, where, few),
        only=not node.relation.inh,
    )


def delete(node: Node, few: bool = False) -> Iterator[act.Write]:
    """DELETE; `few` says that a query beside it that it reads has a LIMIT."""
    yield act.Write(
        kind=act.Writes.DELETE,
        table=name_of(node.relation),
        filtered=node.HasField("where_clause"),
        where=(where := optional(node, "where_clause")),
        batch=_is_stretch(where) or _is_limited(node, where, few),
        only=not node.relation.inh,
    )


def merge(node: Node) -> Iterator[act.Action]:
    """MERGE."""
    yield act.Write(kind=act.Writes.MERGE, table=name_of(node.relation), filtered=True)


def copy(node: Node) -> Iterator[act.Action]:
    """COPY."""
    if node.is_from:
        yield act.Write(kind=act.Writes.COPY, table=name_of(node.relation), values=True)
        return
    if kind := node.query.WhichOneof("node"):
        query = getattr(node.query, kind)
        yield from within(query)
        if kind in _CHANGES:
            yield from _CHANGES[kind](query)
            return
    yield act.Select()


def within(node: Node) -> Iterator[act.Action]:
    """The changes of rows in the WITH of a statement, which are done even if nothing reads them."""
    few: set[str] = set()
    for each in node.with_clause.ctes:
        query = each.common_table_expr.ctequery
        kind = query.WhichOneof("node")
        limited = _limits(query) or not few.isdisjoint(relations(query))
        if kind in _BY_CONDITION:
            [action] = _BY_CONDITION[kind](getattr(query, kind), limited)
            limited = action.batch
            yield action
        elif kind in _CHANGES:
            yield from _CHANGES[kind](getattr(query, kind))
        if limited:
            few.add(each.common_table_expr.ctename)


_BY_CONDITION = {"update_stmt": update, "delete_stmt": delete}
_CHANGES: dict[str, Callable[[Node], Iterator[act.Action]]] = {
    "insert_stmt": insert,
    "merge_stmt": merge,
    **_BY_CONDITION,
}
CARRYING = frozenset({"select_stmt", *_CHANGES})
"""The statements whose WITH may change rows."""


def _is_stretch(where: Expression | None) -> bool:
    """Whether the condition keeps to a part of the table's file, by bounds of `ctid`."""
    known = where.conditions if where is not None else ()
    return {each.word[:1] for each in known if _of_place(each)} >= {"<", ">"}


def _of_place(condition: Expression) -> bool:
    parts = condition.parts
    return bool(parts) and parts[0].form is Form.COLUMN and parts[0].word == "ctid"


def _is_limited(node: Node, where: Expression | None, few: bool) -> bool:
    """Whether a LIMIT says how many rows may be changed, in whatever the rows are picked by."""
    if where is None:
        return False
    if any(map(_limits, _sublinks(node.where_clause))):
        return True
    if not any(map(_links, where.conditions)):
        return False
    made = (each.common_table_expr.ctequery for each in node.with_clause.ctes)
    beside = node.from_clause if isinstance(node, pb.UpdateStmt) else node.using_clause
    joined = (each.range_subselect.subquery for each in beside)
    return few or any(map(_limits, (*made, *joined)))


def _sublinks(node: Node) -> Iterator[Node]:
    """The queries whose rows a condition asks for."""
    match node.WhichOneof("node"):
        case "bool_expr" if node.bool_expr.boolop == pb.AND_EXPR:
            for each in node.bool_expr.args:
                yield from _sublinks(each)
        case "sub_link" if node.sub_link.sub_link_type in _PICKING:
            yield node.sub_link.subselect
        case "a_expr" if node.a_expr.kind == pb.AEXPR_OP_ANY:
            yield from _sublinks(node.a_expr.rexpr)


def _links(condition: Expression) -> bool:
    """Whether it ties the rows to those of a query: by columns on both sides, or by a subquery."""
    tied = condition.word == "=" and all(each.form is not Form.CONSTANT for each in condition.parts)
    return tied or any(each.word == "sub_link" for each in condition.walk())


def _limits(query: Node) -> bool:
    return bool(query.select_stmt.HasField("limit_count"))
