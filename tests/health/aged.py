"""The same answer of a server, had everybody waited for so long."""

from dataclasses import replace
from typing import TypeVar

from dbtool.health.forest import Forest, Node
from dbtool.health.locks import Locks
from dbtool.health.pool import Pool

S = TypeVar("S", Pool, Locks)


def waited(subject: S, seconds: float = 2.0) -> S:
    """What was read, with other lengths of time."""
    nodes = tuple(_aged(node, seconds) for node in subject.forest.nodes)
    forest = Forest(nodes, subject.forest.waiters, subject.forest.cycles)
    return replace(subject, forest=forest)


def _aged(node: Node, seconds: float) -> Node:
    longest = seconds if node.followers else 0.0
    waits = replace(node.waits, seconds=seconds) if node.waits else None
    return replace(node, waits=waits, longest=longest)
