"""The same answer of a server, had everybody waited for so long."""

from dataclasses import replace
from typing import TypeVar

from dbtool.health.forest import Forest, Node
from dbtool.health.locks import Locks
from dbtool.health.pool import Pool

S = TypeVar("S", Pool, Locks)


def waited(subject: S, seconds: float = 2.0, state_seconds: float = 60.0) -> S:
    """What was read, with other lengths of time."""
    nodes = tuple(_aged(node, seconds, state_seconds) for node in subject.forest.nodes)
    forest = Forest(nodes, subject.forest.waiters, subject.forest.cycles)
    return replace(subject, forest=forest)


def _aged(node: Node, seconds: float, state_seconds: float) -> Node:
    longest = seconds if node.followers else 0.0
    waits = replace(node.waits, seconds=seconds) if node.waits else None
    session = node.session
    if session and session.state == "idle":
        session = replace(session, state_seconds=state_seconds)
    return replace(node, waits=waits, longest=longest, session=session)
