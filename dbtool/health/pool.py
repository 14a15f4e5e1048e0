"""How many connections the server has left, who holds them, and what they do."""

import asyncio
from dataclasses import dataclass
from typing import Any

from dbtool.database.target import Target
from dbtool.health.redact import redact
from dbtool.health.session import Endpoint, session
from dbtool.health.statement import SQL


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answered, and when."""

    version: str
    version_number: int
    in_recovery: bool
    taken_at: str


@dataclass(frozen=True, slots=True)
class Rights:
    """What the role we are logged in as may see of other roles' sessions."""

    role: str
    sees_all: bool
    grant: str


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
class Waiter:
    """A process that waits for a lock, and the sessions before it.

    `session` is the leader where the process is a parallel worker, and `blockers` are leaders
    too; 0 among them stands for a prepared transaction, which `prepared` names.
    """

    pid: int
    session: int
    application: str
    seconds: float | None
    mode: str
    target: str
    blockers: tuple[int, ...]
    prepared: str | None
    query: str


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that a waiter waits for; its state and query are hidden from a plain role."""

    pid: int
    backend_start: str
    query_start: str | None
    backend_type: str | None
    application: str
    role: str
    state: str | None
    transaction_seconds: float
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
    """The connections of one server at one moment; `lock_waiters` are sessions of any kind."""

    endpoint: Endpoint
    server: Server
    rights: Rights
    slots: Slots
    groups: tuple[Group, ...]
    idle_transactions: tuple[IdleTransaction, ...]
    idle_transaction_count: int
    lock_waiters: int
    queue: tuple[Waiter, ...]
    blockers: tuple[Blocker, ...]
    oldest_transaction: Transaction | None
    ages: Ages | None
    limits: tuple[Limit, ...]


async def ask(target: Target) -> Pool:
    """Ask the server once and return what it said."""
    async with session(target) as asking:
        answer = await asking.read(SQL)
        return _pool(asking.endpoint(answer["backend_pid"]), answer)


def read(target: Target) -> Pool:
    """The same for a caller without an event loop."""
    return asyncio.run(ask(target))


def _pool(endpoint: Endpoint, answer: dict[str, Any]) -> Pool:
    oldest, ages = answer["oldest_transaction"], answer["ages"]
    return Pool(
        endpoint=endpoint,
        server=Server(**answer["server"]),
        rights=Rights(**answer["rights"]),
        slots=Slots(**answer["slots"]),
        groups=tuple(Group(**each) for each in answer["groups"]),
        idle_transactions=tuple(_idle(each) for each in answer["idle_transactions"]),
        idle_transaction_count=answer["idle_transaction_count"],
        lock_waiters=answer["lock_waiters"],
        queue=tuple(_waiter(each) for each in answer["queue"]),
        blockers=tuple(_blocker(each) for each in answer["blockers"]),
        oldest_transaction=Transaction(**oldest) if oldest else None,
        ages=Ages(**ages) if ages else None,
        limits=tuple(Limit(**each) for each in answer["limits"]),
    )


def _waiter(row: dict[str, Any]) -> Waiter:
    others = tuple(sorted({*row["blockers"]} - {row["pid"], row["session"]}))
    taken = {"blockers": others, "query": redact(row["query"] or "")}
    return Waiter(**{**row, **taken})


def _blocker(row: dict[str, Any]) -> Blocker:
    return Blocker(**{**row, "query": redact(row["query"] or "")})


def _idle(row: dict[str, Any]) -> IdleTransaction:
    taken = {"blocked": tuple(row["blocked"]), "query": redact(row["query"])}
    return IdleTransaction(**{**row, **taken})
