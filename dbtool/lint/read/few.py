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
_BETWEEN = (pb.AEXPR_BETWEEN, pb.AEXPR_BETWEEN_SYM)
_ENDS = frozenset({"min", "max"})
_END = "\0"
"""Between the name of a query that gives an end of few rows and that end; no name has it."""
_UP_TO = {"<": "max", "<=": "max", ">": "min", ">=": "min"}
"""The end of few rows up to which there are no others, by the operator before it."""


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
    are_all, tied = _tied(query.from_clause, few)
    return are_all or _holds(query.where_clause, tied, few)


def standing_for(made: Node, few: Names) -> Names:
    """The name of a query of a WITH that gives few rows, and the ends of others it gives."""
    query = made.ctequery.select_stmt
    ends = _ends(query, few, reads_few=not query.HasField("limit_count"))
    return frozenset({made.ctename, *(f"{made.ctename}{_END}{each}" for each in ends)})


def keeps_to_few(joined: Iterable[Node], where: Node, few: Names) -> bool:
    """Whether a condition holds only for rows that go with one of few others."""
    return _holds(where, _tied(joined, few)[1], few)


def _tied(sources: Iterable[Node], few: Names) -> tuple[bool, Names]:
    """Whether all of a FROM gives few rows, and the names in it that stand for few."""
    items = [*_items(sources)]
    found = [[*_of_few(each, few)] for each in items]
    are_all = all(found) and any(map(any, found))
    named = map(_names, items) if are_all else chain(*found)
    return are_all, NONE.union(*named)


def _items(sources: Iterable[Node]) -> Iterator[Node]:
    """What a FROM lists; a join without a condition lists its two sides."""
    pending = [*reversed([*sources])]
    while pending:
        source = pending.pop()
        if _is_cross(source.join_expr):
            pending += (source.join_expr.rarg, source.join_expr.larg)
        else:
            yield source


def _is_cross(join: Node) -> bool:
    """Whether every row of the one side goes with every row of the other."""
    if not join.HasField("larg") or join.using_clause or join.is_natural:
        return False
    return not join.HasField("quals") or bool(join.quals.a_const.boolval.boolval)


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
    equal = node.kind in _EQUAL and qualified(node.name).name == "="
    if equal and _ties(node, tied):
        return True
    if equal:
        return any(_gives(each, few, _ENDS, equal=True) for each in _links(node.rexpr, node.lexpr))
    if node.kind in _BETWEEN:
        return any(_gives(each, few, _ENDS) for each in _links(node.rexpr))
    end = _UP_TO.get(qualified(node.name).name) if node.kind == pb.AEXPR_OP else None
    if end is None:
        return False
    sides = (node.rexpr, frozenset({end})), (node.lexpr, _ENDS - {end})
    return any(_gives(each, few, ends) for side, ends in sides for each in _links(side))


def _links(*sides: Node) -> Iterator[Node]:
    """The subqueries of a comparison, without those that stand in one of them."""
    pending = [*sides]
    while pending:
        current = pending.pop()
        if current.DESCRIPTOR.name == "SubLink":
            yield current
        else:
            pending.extend(children(current))


def _gives(link: Node, few: Names, ends: Names, *, equal: bool = False) -> bool:
    """Whether a subquery gives the values of few rows, or for a range one of these ends."""
    query = link.subselect.select_stmt
    if link.sub_link_type == pb.ARRAY_SUBLINK:
        return equal and is_few(query, few)
    if equal:
        return _reads_few(query, few)
    if query.sort_clause and not ends.isdisjoint(_first(query)):
        return _reads_few(query, few)
    return not ends.isdisjoint(_ends(query, few))


def _first(query: Node) -> Names:
    """Which end of a sorted query its first row is; one behind an OFFSET lies between them."""
    if query.HasField("limit_offset"):
        return _ENDS
    down = query.sort_clause[0].sort_by.sortby_dir == pb.SORTBY_DESC
    return frozenset({"max" if down else "min"})


def _reads_few(query: Node, few: Names) -> bool:
    are_all, tied = _tied(query.from_clause, few)
    return are_all or _holds(query.where_clause, tied, few)


def _ends(query: Node, few: Names, *, reads_few: bool = False) -> Names:
    """Which ends of few rows a query gives, in whatever wrapping; `reads_few` where that is known.

    It is where a query without a LIMIT gives few rows, and to look again would double the work.
    """
    found, pending = NONE, [query]
    while pending:
        current = pending.pop()
        called = (e for e in below(*current.target_list) if e.DESCRIPTOR.name == "FuncCall")
        if own := _ENDS & {qualified(each.funcname).name for each in called}:
            known = reads_few and current is query
            found |= own if known or _reads_few(current, few) else NONE
            continue
        for each in current.from_clause:
            name = each.range_var.relname
            found |= {end for end in _ENDS if f"{name}{_END}{end}" in few}
            if each.HasField("range_subselect"):
                pending.append(each.range_subselect.subquery.select_stmt)
    return found


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
        case "range_subselect" if is_few(source.range_subselect.subquery.select_stmt, few):
            # As few for each row of what stands before it: nothing by itself.
            yield NONE if source.range_subselect.lateral else _names(source)
        case "join_expr":
            join = source.join_expr
            left = () if join.jointype == pb.JOIN_RIGHT else _of_few(join.larg, few)
            right = () if join.jointype == pb.JOIN_LEFT else _of_few(join.rarg, few)
            if join.jointype != pb.JOIN_FULL and any((*left, *right)):
                yield _names(source)


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
