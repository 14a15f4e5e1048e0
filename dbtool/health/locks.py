"""Who waits for whom at this moment, and what would free them."""

import asyncio
from dataclasses import dataclass
from typing import Any

from dbtool.database.target import Target
from dbtool.health.forest import Forest, forest
from dbtool.health.identity import IDENTITY, Identity, Rights, Server
from dbtool.health.locktable import LOCKS, lock_table
from dbtool.health.parts import Part, answers
from dbtool.health.pool import IdleTransaction, idle_holders
from dbtool.health.session import Endpoint, Session, session
from dbtool.health.sight import Sight

PARTS = (Part("identity", IDENTITY, needed=True), Part("locks", LOCKS, needed=True))


@dataclass(frozen=True, slots=True)
class Locks:
    """The lock forest of one server at one moment; it may have changed since."""

    endpoint: Endpoint
    server: Server
    rights: Rights
    forest: Forest

    @property
    def idle_transactions(self) -> tuple[IdleTransaction, ...]:
        """Those that others wait for."""
        return idle_holders(self.forest)

    @property
    def sight(self) -> Sight:
        """Of how many participants the state is known."""
        states = [node.session.state for node in self.forest.nodes if node.session]
        hidden = sum(bool(node.session and node.session.hidden) for node in self.forest.nodes)
        return Sight(len(states), hidden, states.count("disabled"))


async def ask(target: Target, *, literals: bool = False) -> Locks:
    """Ask the server once and return what it said."""
    async with session(target, literals=literals) as asking:
        found = (await answers(asking, PARTS)).found
        return _locks(asking, found)


def read(target: Target, *, literals: bool = False) -> Locks:
    """The same for a caller without an event loop."""
    return asyncio.run(ask(target, literals=literals))


def _locks(asking: Session, found: dict[str, Any]) -> Locks:
    identity = Identity.of(found["identity"])
    return Locks(
        endpoint=asking.endpoint(identity.backend_pid),
        server=identity.server,
        rights=identity.rights,
        forest=forest(lock_table(found["locks"], asking.shown)),
    )
