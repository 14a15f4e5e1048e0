"""Triage: everything an on-call engineer asks first, in one question to the server."""

import asyncio
import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

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
    """The long operations of a server, with rates where they were seen twice."""

    endpoint: Endpoint
    server: Server
    rights: Rights
    work: tuple[Work, ...]


async def ask(target: Target, *, literals: bool = False) -> Now:
    """Ask the server once and return what it said."""
    async with session(target, literals=literals) as asking:
        return await _now(asking)


def read(target: Target, *, literals: bool = False) -> Now:
    """The same for a caller without an event loop."""
    return asyncio.run(ask(target, literals=literals))


async def _now(asking: Session) -> Now:
    said = await answers(asking, PARTS)
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
        return await _now(Session(self._target, raw, literals=self._literals))

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
        first, begun = await _work(asking, parts), time.monotonic()
        if first[1]:
            await asyncio.sleep(pause)
            second = await _work(asking, parts)
            first = second[0], since(first[1], second[1], time.monotonic() - begun)
        identity, work = first
        return Working(
            asking.endpoint(identity.backend_pid), identity.server, identity.rights, work
        )


async def _work(asking: Session, parts: list[Part]) -> tuple[Identity, tuple[Work, ...]]:
    found: dict[str, Any] = (await answers(asking, parts)).found
    return Identity.of(found["identity"]), vitals(
        {"progress": found.get("progress", [])}
    ).work or ()
