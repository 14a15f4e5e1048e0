"""The order tables are filled in: parents first, and what to do where there is no such order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dbtool.errors import OperationError


@dataclass(frozen=True, slots=True)
class Edge:
    """A foreign key from one table to another."""

    name: str
    child: str
    parent: str
    nullable: bool
    deferrable: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Tables, parents first; foreign keys left NULL, and those checked at the end."""

    tables: tuple[str, ...]
    cut: frozenset[str] = frozenset()
    deferred: frozenset[str] = frozenset()


def sort(tables: Iterable[str], edges: Sequence[Edge]) -> Order:
    """Sort tables so that parents come first; the order given decides between equals.

    A cycle is opened at a nullable foreign key, which stays NULL, else at a deferrable one.
    Raises OperationError where a cycle has neither.
    """
    waiting = list(tables)
    known = set(waiting)
    open_edges = [e for e in edges if e.child != e.parent and {e.child, e.parent} <= known]
    cut: set[str] = set()
    deferred: set[str] = set()
    done: list[str] = []
    while waiting:
        blocked = {edge.child for edge in open_edges}
        ready = [table for table in waiting if table not in blocked]
        if ready:
            done.append(ready[0])
            waiting.remove(ready[0])
            open_edges = [edge for edge in open_edges if edge.parent != ready[0]]
            continue
        weakest = _weakest(_cycle(waiting[0], open_edges))
        (cut if weakest.nullable else deferred).add(weakest.name)
        open_edges = [edge for edge in open_edges if edge.name != weakest.name]
    return Order(tuple(done), frozenset(cut), frozenset(deferred))


def _cycle(start: str, edges: Sequence[Edge]) -> list[Edge]:
    """The edges of one cycle reached from a table that waits."""
    path: list[Edge] = []
    seen: list[str] = []
    table = start
    while table not in seen:
        seen.append(table)
        edge = next(edge for edge in edges if edge.child == table)
        path.append(edge)
        table = edge.parent
    return path[seen.index(table) :]


def _weakest(cycle: Sequence[Edge]) -> Edge:
    for edge in cycle:
        if edge.nullable:
            return edge
    for edge in cycle:
        if edge.deferrable:
            return edge
    listed = " -> ".join([edge.child for edge in cycle] + [cycle[-1].parent])
    raise OperationError(
        f"no order to fill these tables in: {listed}",
        detail="Each needs a row of the next one first; none of the foreign keys is nullable "
        "or deferrable: " + ", ".join(edge.name for edge in cycle) + ".",
        hint="Make one of them DEFERRABLE, or name other tables with --tables.",
    )
