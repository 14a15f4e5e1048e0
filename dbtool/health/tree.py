"""One tree of the lock forest: the one that waits for nobody, and all who stand behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from dbtool.finding import Severity
from dbtool.health.forest import Forest, Node
from dbtool.health.identity import Server
from dbtool.health.participant import CLIENT, STARTUP, Session
from dbtool.health.wording import bracketed, service
from dbtool.report import duration

WARNING_SECONDS = 1
ERROR_SECONDS = 30
ERROR_WAITERS = 5
LISTED = 3
TOLD = 3
"""How many trees have a finding of their own; one more tells of the rest."""

_PROCESSES = {STARTUP: "startup process"}


class Blocking(Protocol):
    """What was read of a server, with its lock forest."""

    @property
    def forest(self) -> Forest:
        """Who waits for whom."""

    @property
    def server(self) -> Server:
        """Which server, and when."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A root and its waiters, those who wait longest first."""

    root: Node
    waiters: tuple[Node, ...]

    @property
    def longest(self) -> float:
        """The longest wait, in seconds."""
        return max((seconds(each) for each in self.waiters), default=0.0)

    @property
    def severity(self) -> Severity | None:
        """A warning once PostgreSQL itself would log a wait; None below that."""
        late = sum(seconds(each) >= WARNING_SECONDS for each in self.waiters)
        if self.longest >= ERROR_SECONDS or late >= ERROR_WAITERS:
            return Severity.ERROR
        return Severity.WARNING if late else None


def seconds(node: Node) -> float:
    """For how long somebody waits; 0 where that is not yet known."""
    return (node.waits and node.waits.seconds) or 0.0


def trees(forest: Forest) -> Iterator[Tree]:
    """The trees in which somebody waits; a parent stands before its children."""
    tops: dict[int, int] = {}
    members: dict[int, list[Node]] = {}
    for node in forest.nodes:
        top = node.id if node.parent is None else tops[node.parent]
        tops[node.id] = top
        members.setdefault(top, []).append(node)
    for root, *waiters in members.values():
        if waiters:
            yield Tree(root, tuple(sorted(waiters, key=lambda each: -seconds(each))))


def named(node: Node) -> str:
    """A participant in a sentence."""
    if node.prepared is not None:
        return f'the prepared transaction "{node.prepared.name}"'
    if node.session is None:
        return f"pid {node.id} ({gone(node)})"
    return f"pid {node.id} {bracketed(known_as(node.session))}"


def gone(node: Node) -> str:
    """Why it has no session; sessions are read before locks, so none that waits has ended."""
    return "still logging in" if node.waits else "ended since"


def statement(node: Node) -> str:
    """What it runs; a process of the server's own may run none, and track_activities hides it."""
    session = node.session
    if session is None or session.hidden:
        return "(hidden)"
    if session.state == "disabled":
        return "(not tracked)"
    return session.query or "no statement"


def known_as(session: Session) -> str:
    """The application of a session, and the revision that runs there; else what process it is."""
    if session.revision:
        return f"dbtool, revision {session.revision}"
    if not session.application and session.backend_type and session.backend_type != CLIENT:
        return _PROCESSES.get(session.backend_type, session.backend_type)
    return service(session.application)


def waits(tree: Tree) -> Iterator[str]:
    """The longest waits, a line each, and how many more there are."""
    for each in tree.waiters[:LISTED]:
        assert each.waits is not None
        waited = duration(each.waits.seconds) if each.waits.seconds is not None else "not yet long"
        yield (
            f"{named(each)} waits {waited} for {each.waits.mode} on {each.waits.thing}:"
            f" {statement(each)}"
        )
    if len(tree.waiters) > LISTED:
        yield f"+{len(tree.waiters) - LISTED:,} more"
