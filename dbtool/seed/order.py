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
    """Tables, parents first; foreign keys left NULL, and those checked at the end.

    `absent` are those of the latter that no transaction can defer: rows fit only while they
    are set aside.
    """

    tables: tuple[str, ...]
    cut: frozenset[str] = frozenset()
    deferred: frozenset[str] = frozenset()
    absent: tuple[Edge, ...] = ()


def sort(tables: Iterable[str], edges: Sequence[Edge]) -> Order:
    """Sort tables so that parents come first; the order given decides between equals.

    A cycle is opened at a nullable foreign key, which stays NULL, else at a deferrable one,
    else at one that has to be set aside for the load.
    """
    waiting = list(tables)
    known = set(waiting)
    open_edges = [e for e in edges if e.child != e.parent and {e.child, e.parent} <= known]
    cut: set[str] = set()
    deferred: set[str] = set()
    absent: list[Edge] = []
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
        if not (weakest.nullable or weakest.deferrable):
            absent.append(weakest)
        open_edges = [edge for edge in open_edges if edge.name != weakest.name]
    return Order(tuple(done), frozenset(cut), frozenset(deferred), tuple(absent))


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
    return min(cycle, key=lambda edge: (not edge.nullable, not edge.deferrable))


def refuse_absent(absent: Sequence[Edge]) -> None:
    """Raise where rows are loaded under all foreign keys and one would have to be set aside."""
    if absent:
        names = ", ".join(edge.name for edge in absent)
        listed = ", ".join(f"{edge.child} -> {edge.parent}" for edge in absent)
        raise OperationError(
            f"no order to fill these tables in: {listed}",
            detail="Each needs a row of the other first, directly or through others, and the "
            f"foreign key is neither nullable nor deferrable: {names}.",
            hint="Load with it set aside, into empty tables (--bulk), make it DEFERRABLE, or "
            "name other tables with --tables.",
        )
