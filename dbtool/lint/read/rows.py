"""Changes of rows in the parser's tree, and whether only a few are changed at a time."""

from collections.abc import Callable, Iterator

from postgast import pg_query_pb2 as pb

from dbtool.lint import actions as act
from dbtool.lint.expression import Expression, Form
from dbtool.lint.read.expressions import optional
from dbtool.lint.read.few import NONE, Names, is_few, keeps_to_few, standing_for
from dbtool.lint.read.names import Node, name_of
from dbtool.lint.read.query import relations


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


def update(node: Node, few: Names = NONE) -> Iterator[act.Write]:
    """UPDATE; `few` are the queries beside it that give few rows."""
    yield act.Write(
        kind=act.Writes.UPDATE,
        table=name_of(node.relation),
        columns=tuple(each.res_target.name for each in node.target_list),
        filtered=node.HasField("where_clause"),
        where=(where := optional(node, "where_clause")),
        batch=_is_stretch(where) or _is_limited(node, few),
        only=not node.relation.inh,
    )


def delete(node: Node, few: Names = NONE) -> Iterator[act.Write]:
    """DELETE; `few` are the queries beside it that give few rows."""
    yield act.Write(
        kind=act.Writes.DELETE,
        table=name_of(node.relation),
        filtered=node.HasField("where_clause"),
        where=(where := optional(node, "where_clause")),
        batch=_is_stretch(where) or _is_limited(node, few),
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
    for query, few in _beside(node):
        kind = query.WhichOneof("node")
        if kind in _BY_CONDITION:
            yield from _BY_CONDITION[kind](getattr(query, kind), few)
        elif kind in _CHANGES:
            yield from _CHANGES[kind](getattr(query, kind))


def _beside(node: Node) -> Iterator[tuple[Node, Names]]:
    """The queries in the WITH of a statement, each with those before it that give few rows."""
    few = NONE
    for each in node.with_clause.ctes:
        yield each.common_table_expr.ctequery, few
        few = _few_with(each.common_table_expr, few)


def _few_with(made: Node, few: Names) -> Names:
    """Those that give few rows, with a query of a WITH where it does."""
    query = made.ctequery
    kind = query.WhichOneof("node")
    if kind in _BY_CONDITION:
        limited = any(each.batch for each in _BY_CONDITION[kind](getattr(query, kind), few))
    elif kind == "select_stmt":
        limited = is_few(query.select_stmt, few)
    else:
        limited = not few.isdisjoint(relations(query))
    return few | standing_for(made, few) if limited else few


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


def _is_limited(node: Node, few: Names) -> bool:
    """Whether a LIMIT says how many rows may be changed, in whatever the rows are picked by."""
    for each in node.with_clause.ctes:
        few = _few_with(each.common_table_expr, few)
    joined = node.from_clause if isinstance(node, pb.UpdateStmt) else node.using_clause
    return keeps_to_few(joined, node.where_clause, few)
