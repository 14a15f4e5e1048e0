"""Triage: everything an on-call engineer asks first, in one question to the server."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.health import pool
from dbtool.health.identity import Identity, Rights, Server
from dbtool.health.parts import Gap, Part, answers
from dbtool.health.pool import Pool, pool_of
from dbtool.health.progress import Work, since
from dbtool.health.session import LIMITS, Endpoint, Session, session
from dbtool.health.vitals import PARTS as SIGNS
from dbtool.health.vitals import Vitals, vitals

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

PARTS: tuple[Part, ...] = (*pool.PARTS, *SIGNS)
PROGRESS_PAUSE = 1.0
"""Seconds between the two looks that a rate is taken from."""


@dataclass(frozen=True, slots=True)
class Now:
    """A server at one moment; `gaps` are the parts that could not be asked, and why."""

    endpoint: Endpoint
    server: Server
    rights: Rights
    pool: Pool | None
    vitals: Vitals
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Working:
    """The long operations of a server, with rates where they were seen twice.

    `hidden` counts those of other roles; `gaps` say why none could be read.
    """

    endpoint: Endpoint
    server: Server
    rights: Rights
    work: tuple[Work, ...]
    hidden: int
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, now: Now) -> Self:
        """What a whole look says of them."""
        gaps = tuple(gap for gap in now.gaps if gap.part == "progress")
        work, hidden = now.vitals.work or (), now.vitals.hidden_work
        return cls(now.endpoint, now.server, now.rights, work, hidden, gaps)


async def ask(target: Target, *, literals: bool = False) -> Now:
    """Ask the server once and return what it said."""
    async with session(target, literals=literals) as asking:
        return await _now(asking, PARTS)


def read(target: Target, *, literals: bool = False) -> Now:
    """The same for a caller without an event loop."""
    return asyncio.run(ask(target, literals=literals))


async def _now(asking: Session, parts: Iterable[Part]) -> Now:
    said = await answers(asking, parts)
    identity = Identity.of(said.found["identity"])
    return Now(
        endpoint=asking.endpoint(identity.backend_pid),
        server=identity.server,
        rights=identity.rights,
        pool=pool_of(asking, said.found) if "pool" in said.found else None,
        vitals=vitals(said.found, asking.shown),
        gaps=said.gaps,
    )


class Watch:
    """One connection that is asked again and again."""

    def __init__(self, target: Target, *, literals: bool = False) -> None:
        self._target = target
        self._literals = literals
        self._connection = SyncConnection(target, read_only=True, settings=LIMITS)
        self._before: tuple[float, tuple[Work, ...]] | None = None

    def look(self) -> Now:
        """What the server says at this moment; work has rates from the second look on."""
        now = self._connection.run(self._ask)
        seen, work = time.monotonic(), now.vitals.work or ()
        if self._before is not None:
            then, before = self._before
            work = since(before, work, seen - then)
        self._before = (seen, work)
        return replace(now, vitals=replace(now.vitals, work=work))

    async def _ask(self, raw: "Connection") -> Now:
        return await _now(Session(self._target, raw, literals=self._literals), PARTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()


def progress(target: Target, pause: float = PROGRESS_PAUSE) -> Working:
    """What long operations are doing, looked at twice."""
    return asyncio.run(_progress(target, pause))


async def _progress(target: Target, pause: float) -> Working:
    wanted = ("identity", "progress")
    parts = [replace(part, needed=True) for part in PARTS if part.name in wanted]
    async with session(target) as asking:
        first, begun = await _now(asking, parts), time.monotonic()
        if not first.vitals.work:
            return Working.of(first)
        await asyncio.sleep(pause)
        second, seconds = await _now(asking, parts), time.monotonic() - begun
        work = since(first.vitals.work, second.vitals.work or (), seconds)
        return Working.of(replace(second, vitals=replace(second.vitals, work=work)))
