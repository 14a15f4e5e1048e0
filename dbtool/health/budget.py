"""Adds up the connections all processes may open, and compares them with what the server has."""

import asyncio
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbtool.database.target import Target
from dbtool.health import console
from dbtool.health.parts import Part, together
from dbtool.health.pgbouncer import Pooler
from dbtool.health.pool import PARTS, Limit, Pool, pool_of
from dbtool.health.session import session

if TYPE_CHECKING:
    from dbtool.engine.pooling import Pooling

COMFORT = 0.8
"""The part of the slots that may be planned for; what is left takes what nobody counted."""

UNNAMED = "--engine MODULE:NAME; if all go to the server itself, --url of it, poolers in --reserve"
"""What decides where the connections of pools go that only flags describe."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the team runs: `surge` is by how much a deployment multiplies the processes.

    Without `size` or `overflow` the pool has no limit. `poolers` and `reserve` are connections;
    `poolers` is None where nobody said.
    """

    processes: int
    size: int | None
    overflow: int | None
    surge: float
    poolers: int | None
    reserve: int
    cores: int | None


@dataclass(frozen=True, slots=True)
class Budget:
    """The sum, and what it is compared with.

    `steady` and `deploying` are what the application opens, None where nothing limits it;
    `needed` is the whole sum. Where `through_pooler` tells that a pooler takes the application's
    connections, they are not part of it. `per_process` is what fits comfortably. `apart` is the
    address that was asked where the engine has another one: whether the application's connections
    come to that server themselves is not known then.
    """

    wanted: Wanted
    engine: "Pooling | None"
    through_pooler: str | None
    pool: Pool
    pooler: Pooler | None
    limits: tuple[Limit, ...]
    steady: int | None
    deploying: int | None
    poolers: int
    needed: int | None
    per_process: int
    apart: str | None = None

    @property
    def beside_pooler(self) -> bool:
        """Whether a pooler is known of, but not whether the application's connections take it."""
        known = self.poolers or self.pooler is not None or self.pool.endpoint.pooler
        return self.engine is None and bool(known)


def read(
    target: Target, wanted: Wanted, engine: "Pooling | None", console_of: Target | None = None
) -> Budget:
    """Ask the server what it has, a PgBouncer where one is named, and add up."""
    if console_of is not None:
        console.require()
    return asyncio.run(ask(target, wanted, engine, console_of))


async def ask(
    target: Target, wanted: Wanted, engine: "Pooling | None", console_of: Target | None = None
) -> Budget:
    """The same for a caller with an event loop."""
    pooler = await console.ask(console_of) if console_of else None
    asked = [part for part in PARTS if part.name != "locks"]
    async with session(target) as asking:
        found = await asking.read(together((*asked, Part("all_limits", _LIMITS))))
        pool = pool_of(asking, found)
    engine = _behind_pooler(engine, target, pool, pooler)
    user, database = (engine.user, engine.database) if engine else (target.user, target.database)
    mine = {("role", user), ("database", database)}
    limits = tuple(Limit(**each) for each in found["all_limits"])
    mine_only = tuple(each for each in limits if (each.kind, each.name) in mine)
    summed = budget(wanted, engine, pool, mine_only, pooler)
    direct = engine is not None and not summed.through_pooler
    apart = engine is not None and direct and not _same_address(engine, target)
    return replace(summed, apart=target.address if apart else None)


def _same_address(engine: "Pooling", target: Target) -> bool:
    """Whether both lead to one port of one host; all addresses of this machine are one."""
    host, _, port = engine.address.rpartition(":")
    there = replace(target, host=host.strip("[]"), port=int(port))
    return there.port == target.port and (
        there.host == target.host or (there.is_local and target.is_local)
    )


def _behind_pooler(
    engine: "Pooling | None", target: Target, pool: Pool, pooler: Pooler | None
) -> "Pooling | None":
    """The engine; where its own address was asked, with what that gave away of a pooler."""
    if engine and pooler and engine.address == pooler.address:
        return replace(engine, pooler=f"PgBouncer {pooler.version} answers at {pooler.address}")
    if engine is None or engine.pooler or not pool.endpoint.pooler:
        return engine
    same = (engine.address, engine.database) == (target.address, target.database)
    return replace(engine, pooler=pool.endpoint.pooler[0]) if same else engine


def budget(
    wanted: Wanted,
    engine: "Pooling | None",
    pool: Pool,
    limits: tuple[Limit, ...],
    pooler: Pooler | None = None,
) -> Budget:
    """The arithmetic."""
    through = engine.pooler if engine else None
    steady = _times(wanted)
    deploying = None if steady is None else math.ceil(steady * wanted.surge)
    own = 0 if through else deploying
    poolers = wanted.poolers
    if poolers is None:
        poolers = pooler.opens if pooler else 0
    others = poolers + wanted.reserve
    room = COMFORT * pool.slots.usable - others
    return Budget(
        wanted=wanted,
        engine=engine,
        through_pooler=through,
        pool=pool,
        pooler=pooler,
        limits=limits,
        steady=steady,
        deploying=deploying,
        poolers=poolers,
        needed=None if own is None else own + others,
        per_process=max(math.floor(room / (wanted.processes * wanted.surge)), 0),
    )


def _times(wanted: Wanted) -> int | None:
    if wanted.size is None or wanted.overflow is None:
        return None
    return wanted.processes * (wanted.size + wanted.overflow)


_LIMITS = """
(SELECT coalesce(json_agg(l), '[]') FROM (
    SELECT 'role' AS kind, rolname AS name, quote_ident(rolname) AS quoted,
           rolconnlimit AS connections, 0 AS used
    FROM pg_catalog.pg_roles WHERE rolconnlimit >= 0 AND NOT rolsuper
    UNION ALL
    SELECT 'database', datname, quote_ident(datname), datconnlimit, 0
    FROM pg_catalog.pg_database WHERE datconnlimit >= 0) AS l)
"""
