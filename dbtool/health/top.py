"""What costs a server the most right now: statements over a window, and sessions at work."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Literal

from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.health.identity import IDENTITY, Identity, Rights, Server
from dbtool.health.parts import Part, answers, together
from dbtool.health.profile import Profile, glances, profile
from dbtool.health.session import Endpoint, Session, session
from dbtool.health.statements import (
    ACCESS,
    Access,
    Cost,
    Statement,
    counters,
    counters_sql,
    spent,
    statements,
    texts_sql,
)

PARTS = (Part("identity", IDENTITY, needed=True), ACCESS)
GLANCE_SECONDS = 0.05
"""Between two glances where the profile is all that is asked for."""

WINDOW_GLANCE_SECONDS = 0.1
GLANCES = 10
"""In one answer: it ends well within the server's own limit of two seconds."""

STRETCHED = 2.0
"""How many times its length a window may take where the server's answers are late."""

By = Literal["time", "calls", "mean", "rows", "reads", "temp", "wal", "plan"]


@dataclass(frozen=True, slots=True)
class Wish:
    """How long to watch, what to sort by, how many to show; `profile` alone needs no window."""

    seconds: float
    by: By = "time"
    most: int = 10
    profile: bool = False
    literals: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """What ended within `seconds`: all of it, and the statements that cost most of `by`.

    `hidden` statements are other roles'; nothing of them is in the sums.
    """

    seconds: float
    by: By
    exec_ms: float
    calls: int
    distinct: int
    hidden: int
    top: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Top:
    """A server over a few seconds; `window` is None where statements are not counted."""

    endpoint: Endpoint
    server: Server
    rights: Rights
    access: Access
    window: Window | None
    profile: Profile


def read(target: Target, wish: Wish) -> Top:
    """Watch for as long as wished, on one connection."""
    return asyncio.run(_read(target, wish))


async def _read(target: Target, wish: Wish) -> Top:
    async with session(target, literals=wish.literals) as asking:
        return await watch(asking, wish)


async def watch(asking: Session, wish: Wish) -> Top:
    """The counters before and after, and glances in between."""
    glance = (glances(GLANCES, GLANCE_SECONDS),) if wish.profile else ()
    begun = time.monotonic()
    said = (await answers(asking, (*PARTS, *glance))).found
    identity, access = Identity.of(said["identity"]), Access(**said["statements"])
    if wish.profile:
        window, seen = None, _profile(asking, [said["profile"]], GLANCES, begun)
    elif access.loaded and access.schema:
        window, seen = await _window(asking, access.schema, wish)
    else:
        window, (seen, _) = None, await _glances(asking, wish)
    endpoint = asking.endpoint(identity.backend_pid)
    return Top(endpoint, identity.server, identity.rights, access, window, seen)


async def _glances(asking: Session, wish: Wish) -> tuple[Profile, frozenset[str]]:
    """Ten glances in one round trip, until all were taken or twice the window is over.

    The query ids of our own questions come with them.
    """
    wanted = left = max(round(wish.seconds / WINDOW_GLANCE_SECONDS), 1)
    begun, told = time.monotonic(), list[dict[str, Any]]()
    while left and (not told or time.monotonic() - begun < STRETCHED * wish.seconds):
        looks = min(left, GLANCES)
        told.append(await _looked(asking, looks))
        left -= looks
    ours = frozenset(each["own"] for each in told if each["own"])
    return _profile(asking, told, wanted, begun), ours


async def _looked(asking: Session, looks: int) -> dict[str, Any]:
    """So many glances; where the server was too late to answer, one at once."""
    try:
        said = await asking.read(together([glances(looks, WINDOW_GLANCE_SECONDS)]))
    except OperationError:
        if not asking.alive:
            raise
        said = await asking.read(together([glances(1, 0.0)]))
    profile: dict[str, Any] = said["profile"]
    return profile


def _profile(asking: Session, told: list[dict[str, Any]], looks: int, begun: float) -> Profile:
    return profile(told, looks, time.monotonic() - begun, asking.shown)


async def _window(asking: Session, schema: str, wish: Wish) -> tuple[Window, Profile]:
    question = counters_sql(schema)
    begun, before = time.monotonic(), counters(await asking.read(question))
    seen, ours = await _glances(asking, wish)
    after, seconds = counters(await asking.read(question)), time.monotonic() - begun
    costs = spent(before, after, ours)
    ranked = sorted(costs, key=lambda key: (-_measure(costs[key], wish.by), key))[: wish.most]
    texts = await asking.read(texts_sql(schema, ranked)) if ranked else {"texts": []}
    window = Window(
        seconds=seconds,
        by=wish.by,
        exec_ms=sum(each.exec_ms for each in costs.values()),
        calls=sum(each.calls for each in costs.values()),
        distinct=len(costs),
        hidden=after.hidden,
        top=statements(texts, costs, ranked),
    )
    return window, seen


def _measure(cost: Cost, by: By) -> float:
    match by:
        case "time":
            return cost.exec_ms
        case "calls":
            return cost.calls
        case "mean":
            return cost.exec_ms / max(cost.calls, 1)
        case "rows":
            return cost.rows
        case "reads":
            return cost.read_blocks
        case "temp":
            return cost.temp_blocks
        case "wal":
            return cost.wal_bytes
        case "plan":
            return cost.plan_ms
