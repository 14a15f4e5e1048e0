"""Tries an application's connections: the way there, the pooler between, what the engine does."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from dbtool.database.proof import Proof
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.finding import Finding, Severity
from dbtool.health.mixing import Mixing, mixing
from dbtool.health.pool import Pool
from dbtool.health.pool import read as read_pool
from dbtool.health.rules import connection_limit_near, few_free_slots
from dbtool.health.rules.statements_cached_through_pooler import keeping
from dbtool.health.stages import Stages, stages

if TYPE_CHECKING:
    from dbtool.engine.pooling import Pooling
    from dbtool.engine.timing import Timings

MOST = 5
"""However large the pool is, no more connections than this are opened but to saturate it."""

SHARE = 4
"""One in so many of the free slots may be taken."""

LEAST_FREE = 10
APPLICATION = "dbtool probe"


class Measure(Protocol):
    """Times the engine with so many connections; fills it with `saturate` where that is not 0."""

    def __call__(self, proof: Proof, connections: int, saturate: int) -> "Timings":
        """Each new connection has to prove itself."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What was tried, and in `untried` why the rest was not.

    `connections` is how many the engine had open; 0 where it was not used. `mixing` is None
    where it could not be tried, for the reason in `unmixed`.
    """

    endpoint: str
    engine: "Pooling"
    pool: Pool
    connections: int
    stages: Stages | None
    mixing: Mixing | None
    unmixed: str
    timings: "Timings | None"
    untried: str


def read(
    target: Target, leads: Target, engine: "Pooling", measure: Measure, *, saturate: bool = False
) -> Probed:
    """Try what the server has room for; `leads` is where the engine's URL leads.

    Nothing is tried while slots are short, and the engine is not used where its statements
    would stay in a pooler and meet the application's.
    """
    pool = read_pool(target)
    probed = Probed(leads.shown, engine, pool, 0, None, None, "", None, "")
    if short := _short(pool):
        return replace(probed, untried=short)
    if (leads.address, leads.database) != (target.address, target.database):
        _prove(target, leads)
    probed = asyncio.run(_way(leads, probed))
    if probed.mixing and probed.mixing.verdict == "mixed" and keeping(engine) != ():
        why = "a pooler mixes up prepared statements; the engine was not used, its own would stay"
        return replace(probed, untried=why)
    wanted = _configured(engine)
    connections = max(min(MOST, wanted or MOST, pool.slots.free // SHARE), 1)
    if probed.mixing and probed.mixing.pooler and not probed.mixing.moved:
        # In session mode each connection keeps one of the pooler's, which may have few.
        connections = 1
    filled = _to_fill(engine, pool) if saturate else 0
    timings = measure(Proof(target, APPLICATION), connections, filled)
    return replace(probed, connections=connections, timings=timings)


def critical(pool: Pool) -> Iterator[Finding]:
    """Why the server has no connection to spare for a trial."""
    for rule in (few_free_slots, connection_limit_near):
        yield from (each for each in rule.check(pool) if each.severity is Severity.ERROR)


def _short(pool: Pool) -> str:
    if any(critical(pool)):
        return "nothing was tried: the server has no connection to spare"
    if pool.slots.free < LEAST_FREE:
        return f"nothing was tried: fewer than {LEAST_FREE} slots are free"
    return ""


def _prove(target: Target, leads: Target) -> None:
    """Raise where the engine's URL leads to another database than the one that is named."""
    with (
        SyncConnection(leads, application_name=APPLICATION) as connection,
        Proof(target, APPLICATION) as proof,
    ):
        if proof.accepts(connection.fetchval(proof.question)):
            return
    raise OperationError(
        "the application's engine leads to another database than the one that is named",
        detail=f"{target.source} names {target.shown}, the engine {leads.shown}.",
        hint="Set the environment the application reads its URL from, or name its database.",
    )


async def _way(leads: Target, probed: Probed) -> Probed:
    """How long the way takes, and what a pooler on it does to statements."""
    passed = await stages(leads)
    try:
        return replace(probed, stages=passed, mixing=await mixing(leads))
    except DbtoolError as error:
        return replace(probed, stages=passed, unmixed=error.message)


def _configured(engine: "Pooling") -> int | None:
    if engine.size is None or engine.overflow is None:
        return None
    return engine.size + engine.overflow


def _to_fill(engine: "Pooling", pool: Pool) -> int:
    configured = _configured(engine)
    if configured is None or not engine.pool.endswith("QueuePool"):
        raise UsageError(
            "the engine's pool has no queue that could be filled",
            detail=f"It is a {engine.pool}, or one without a limit.",
            hint="Probe it without --saturate.",
        )
    room = pool.slots.free - LEAST_FREE
    if configured > room:
        raise UsageError(
            f"filling the pool takes {configured:,} connections, {max(room, 0):,} may be taken",
            detail=f"{pool.slots.free:,} slots are free, and {LEAST_FREE} are left to others.",
            hint="Make the pool smaller, or probe it without --saturate.",
        )
    return configured
