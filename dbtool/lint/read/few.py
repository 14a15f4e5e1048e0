"""Whether a LIMIT says how many rows a query gives, or how many a change of rows is about."""

from collections.abc import Iterable, Iterator
from itertools import chain

from postgast import pg_query_pb2 as pb

from dbtool.lint.read.names import Node, qualified
from dbtool.lint.read.query import below, children, relations

Names = frozenset[str]
"""What stands for few rows: queries of a WITH, or the names that a FROM gives to them."""
NONE: Names = frozenset()
_EQUAL = (pb.AEXPR_OP, pb.AEXPR_OP_ANY, pb.AEXPR_NOT_DISTINCT)
_ENDS = ("min", "max")
_END = "\0"
"""Behind the name of a query that gives the least or greatest of few rows; no name has it."""


def is_few(query: Node, few: Names) -> bool:
    """Whether a SELECT gives few rows, where the queries of `few` do."""
    if query.HasField("limit_count") and not query.limit_count.a_const.isnull:
        return True
    for each in query.with_clause.ctes:
        made = each.common_table_expr
        if is_few(made.ctequery.select_stmt, few):
            few |= standing_for(made, few)
    match query.op:
        case pb.SETOP_UNION:
            return is_few(query.larg, few) and is_few(query.rarg, few)
        case pb.SETOP_INTERSECT:
            return is_few(query.larg, few) or is_few(query.rarg, few)
        case pb.SETOP_EXCEPT:
            return is_few(query.larg, few)
    if not query.from_clause:
        return not few.isdisjoint(relations(query))
    tied = [[*_of_few(each, few)] for each in query.from_clause]
    return all(tied) or _holds(query.where_clause, NONE.union(*chain(*tied)), few)


def standing_for(made: Node, few: Names) -> Names:
    """The name of a query of a WITH that gives few rows, and whether those are ends of others."""
    is_end = _gives_end(made.ctequery.select_stmt, few)
    return frozenset({made.ctename, made.ctename + _END} if is_end else {made.ctename})


def keeps_to_few(joined: Iterable[Node], where: Node, few: Names) -> bool:
    """Whether a condition holds only for rows that go with one of few others."""
    tied = NONE.union(*(names for each in joined for names in _of_few(each, few)))
    return _holds(where, tied, few)


def _holds(where: Node, tied: Names, few: Names) -> bool:
    match where.WhichOneof("node"):
        case "bool_expr" if where.bool_expr.boolop == pb.AND_EXPR:
            return any(_holds(each, tied, few) for each in where.bool_expr.args)
        case "bool_expr" if where.bool_expr.boolop == pb.OR_EXPR:
            return all(_holds(each, tied, few) for each in where.bool_expr.args)
        case "sub_link":
            link, query = where.sub_link, where.sub_link.subselect.select_stmt
            if link.sub_link_type == pb.EXISTS_SUBLINK:
                return keeps_to_few(query.from_clause, query.where_clause, few)
            among = link.sub_link_type == pb.ANY_SUBLINK
            return among and qualified(link.oper_name).name in ("", "=") and is_few(query, few)
        case "a_expr":
            return _compares(where.a_expr, tied, few)
    return False


def _compares(node: Node, tied: Names, few: Names) -> bool:
    """Whether a comparison is with what few rows have."""
    if node.kind == pb.AEXPR_NOT_BETWEEN:
        return False
    equal = node.kind in _EQUAL and qualified(node.name).name == "="
    if equal and _ties(node, tied):
        return True
    return any(_gives(each, few, equal=equal) for each in _links(node.rexpr, node.lexpr))


def _links(*sides: Node) -> Iterator[Node]:
    """The subqueries of a comparison, without those that stand in one of them."""
    pending = [*sides]
    while pending:
        current = pending.pop()
        if current.DESCRIPTOR.name == "SubLink":
            yield current
        else:
            pending.extend(children(current))


def _gives(link: Node, few: Names, *, equal: bool) -> bool:
    """Whether a subquery gives the values of few rows, or for a range one of their ends."""
    query = link.subselect.select_stmt
    if link.sub_link_type == pb.ARRAY_SUBLINK:
        return equal and is_few(query, few)
    named = any(any(_of_few(each, few)) for each in query.from_clause)
    return named and (equal or len(query.sort_clause) > 0 or _gives_end(query, few))


def _gives_end(query: Node, few: Names) -> bool:
    """Whether a query gives the least or the greatest of what it reads, in whatever wrapping."""
    values = [each for each in below(*query.target_list) if each.DESCRIPTOR.name == "FuncCall"]
    read = {each.range_var.relname + _END for each in query.from_clause}
    return any(qualified(each.funcname).name in _ENDS for each in values) or bool(read & few)


def _ties(node: Node, names: Names) -> bool:
    """Whether columns stand on both sides, of which one may be of these relations."""
    if not names:
        return False
    sides = [
        [each.fields for each in below(side) if each.DESCRIPTOR.name == "ColumnRef"]
        for side in (node.lexpr, node.rexpr)
    ]
    owners = {each[-2].string.sval if len(each) > 1 else "" for side in sides for each in side}
    return all(sides) and not owners.isdisjoint({"", *names})


def _of_few(source: Node, few: Names) -> Iterator[Names]:
    """The names that stand for few rows in an item of a FROM, together where they are joined."""
    match source.WhichOneof("node"):
        case "range_var" if source.range_var.relname in few and not source.range_var.schemaname:
            yield _names(source)
        case "range_subselect" if not source.range_subselect.lateral:
            if is_few(source.range_subselect.subquery.select_stmt, few):
                yield _names(source)
        case "join_expr":
            join = source.join_expr
            left = () if join.jointype == pb.JOIN_RIGHT else _of_few(join.larg, few)
            right = () if join.jointype == pb.JOIN_LEFT else _of_few(join.rarg, few)
            found = () if join.jointype == pb.JOIN_FULL else (*left, *right)
            on = join.HasField("quals") or join.using_clause or join.is_natural
            yield from (_names(source),) if found and on else found


def _names(source: Node) -> Names:
    """What the relations of an item of a FROM are called."""
    match source.WhichOneof("node"):
        case "join_expr":
            return _names(source.join_expr.larg) | _names(source.join_expr.rarg)
        case "range_var":
            return frozenset({source.range_var.alias.aliasname or source.range_var.relname})
        case "range_subselect":
            return frozenset({source.range_subselect.alias.aliasname})
    return NONE
