"""Which statement really runs behind EXPLAIN, and behind the EXECUTE of a prepared one."""

from postgast import pg_query_pb2 as pb

from dbtool.lint.read.columns import option
from dbtool.lint.read.names import Node

KINDS = frozenset(
    {"explain_stmt", "prepare_stmt", "execute_stmt", "deallocate_stmt", "discard_stmt"}
)
"""The statements that run, keep or forget others."""
Prepared = dict[str, Node]
"""The statements that are prepared, by their names."""
_OFF = ("false", "off", "0")


def runs(node: Node, known: Prepared) -> Node | None:
    """The statement that one of these runs; what is prepared or forgotten is noted in `known`."""
    match node.WhichOneof("node"):
        case "explain_stmt":
            return _explained(node.explain_stmt, known)
        case "execute_stmt":
            return known.get(node.execute_stmt.name)
        case "prepare_stmt":
            # Where the name is taken this one fails.
            known.setdefault(node.prepare_stmt.name, node.prepare_stmt.query)
        case "deallocate_stmt" if node.deallocate_stmt.name:
            known.pop(node.deallocate_stmt.name, None)
        case "deallocate_stmt":
            known.clear()
        case "discard_stmt" if node.discard_stmt.target == pb.DISCARD_ALL:
            known.clear()
    return None


def _explained(node: Node, known: Prepared) -> Node | None:
    """What EXPLAIN runs, with ANALYZE alone; REFRESH has no plan and is not run even so.

    Of an option that is given twice the server takes the last.
    """
    analyze = option(reversed(node.options), "analyze")
    if analyze is None or analyze.lower() in _OFF:
        return None
    match node.query.WhichOneof("node"):
        case "execute_stmt":
            return known.get(node.query.execute_stmt.name)
        case "refresh_mat_view_stmt":
            return None
    return node.query
