"""How many connections the server has left, who holds them, and what they do."""

import asyncio
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from dbtool.database.target import Target
from dbtool.health.forest import UNKNOWN, Forest, Node, forest
from dbtool.health.identity import IDENTITY, Identity, Rights, Server
from dbtool.health.locktable import LOCKS, lock_table
from dbtool.health.participant import Session as Participant
from dbtool.health.parts import Part, together
from dbtool.health.redact import Shown
from dbtool.health.session import Endpoint, Session, session
from dbtool.health.sight import Sight
from dbtool.health.statement import POOL


@dataclass(frozen=True, slots=True)
class Slots:
    """The connection slots; `usable` is what a role without special rights can get.

    `used` counts client backends but this one, which is gone when the answer is read:
    walsenders, autovacuum and background workers do not take these slots. It exceeds `usable`
    by the reserved slots in use. `hidden` of them cannot be told apart from parallel workers
    for want of rights, so that `used` is then an upper bound.
    """

    max_connections: int
    superuser_reserved: int
    role_reserved: int
    usable: int
    used: int
    free: int
    hidden: int


@dataclass(frozen=True, slots=True)
class Group:
    """Client backends that are alike in application, role, database, client and state."""

    application: str
    role: str
    database: str
    client: str | None
    state: str | None
    count: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class IdleTransaction:
    """A session that sits in an open transaction and runs nothing.

    `blocks` counts the sessions that wait for a lock it holds, `blocked` names the first of
    them. `fingerprint` is equal where the last statement is; `query` is that statement without
    its literals. When an aborted transaction began is not known: the server forgets it.
    """

    pid: int
    backend_start: str
    application: str
    role: str
    database: str
    client: str | None
    transaction_seconds: float | None
    idle_seconds: float
    aborted: bool
    holds_horizon: bool
    blocks: int
    blocked: tuple[int, ...]
    fingerprint: str
    query: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """The open transaction that began first."""

    pid: int
    application: str
    role: str
    state: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Ages:
    """For how long client backends have been connected, in seconds."""

    youngest: float
    median: float
    oldest: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A CONNECTION LIMIT of a role or database that has connections."""

    kind: str
    name: str
    quoted: str
    connections: int
    used: int


@dataclass(frozen=True, slots=True)
class Pool:
    """The connections of one server at one moment."""

    endpoint: Endpoint
    server: Server
    rights: Rights
    slots: Slots
    groups: tuple[Group, ...]
    idle_transactions: tuple[IdleTransaction, ...]
    idle_transaction_count: int
    forest: Forest
    oldest_transaction: Transaction | None
    ages: Ages | None
    limits: tuple[Limit, ...]

    @property
    def sight(self) -> Sight:
        """Of how many connections the state is known."""
        untracked = sum(group.count for group in self.groups if group.state == "disabled")
        return Sight(self.slots.used, self.slots.hidden, untracked)


PARTS = (Part("identity", IDENTITY, needed=True), Part("pool", POOL), Part("locks", LOCKS))


async def ask(target: Target, *, literals: bool = False) -> Pool:
    """Ask the server once and return what it said."""
    async with session(target, literals=literals) as asking:
        return pool_of(asking, await asking.read(together(PARTS)))


def read(target: Target, *, literals: bool = False) -> Pool:
    """The same for a caller without an event loop."""
    return asyncio.run(ask(target, literals=literals))


def pool_of(asking: Session, found: dict[str, Any]) -> Pool:
    """The pool out of what the server answered to PARTS."""
    answer, identity = found["pool"], Identity.of(found["identity"])
    oldest, ages = answer["oldest_transaction"], answer["ages"]
    grown = forest(lock_table(found["locks"], asking.shown)) if "locks" in found else UNKNOWN
    return Pool(
        endpoint=asking.endpoint(identity.backend_pid),
        server=identity.server,
        rights=identity.rights,
        slots=Slots(**answer["slots"]),
        groups=tuple(Group(**each) for each in answer["groups"]),
        idle_transactions=_with_blocked(answer["idle_transactions"], grown, asking.shown),
        idle_transaction_count=answer["idle_transaction_count"],
        forest=grown,
        oldest_transaction=Transaction(**oldest) if oldest else None,
        ages=Ages(**ages) if ages else None,
        limits=tuple(Limit(**each) for each in answer["limits"]),
    )


def _with_blocked(
    rows: list[dict[str, Any]], grown: Forest, shown: Shown
) -> tuple[IdleTransaction, ...]:
    """The idle transactions, those first that others wait for."""
    nodes = {node.id: node for node in grown.nodes}
    found = [_idle(row, nodes.get(row["pid"]), shown) for row in rows]
    found += idle_holders(grown, {row["pid"] for row in rows})
    return tuple(sorted(found, key=lambda each: (-each.blocks, -each.idle_seconds)))


def _idle(row: dict[str, Any], node: Node | None, shown: Shown) -> IdleTransaction:
    taken = {
        "blocks": node.blocks if node else 0,
        "blocked": node.blocked if node else (),
        "query": shown(row["query"]),
    }
    return IdleTransaction(**{**row, **taken})


def idle_holders(grown: Forest, known: Container[int] = ()) -> tuple[IdleTransaction, ...]:
    """The idle transactions that others wait for, but for the known ones."""
    return tuple(
        _holder(node.session, node)
        for node in grown.nodes
        if node.session and node.session.idle_in_transaction and node.id not in known
    )


def _holder(session: Participant, node: Node) -> IdleTransaction:
    return IdleTransaction(
        pid=session.pid,
        backend_start=session.backend_start or "",
        application=session.application,
        role=session.role,
        database=session.database,
        client=session.client,
        transaction_seconds=session.transaction_seconds,
        idle_seconds=session.state_seconds or 0.0,
        aborted="aborted" in (session.state or ""),
        holds_horizon=False,
        blocks=node.blocks,
        blocked=node.blocked,
        fingerprint=session.query,
        query=session.query,
    )
