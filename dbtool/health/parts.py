"""Questions put to a server together, and one by one where together they fail."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dbtool.errors import ConnectError, DbtoolError
from dbtool.health.session import Session

PIECEMEAL_SECONDS = 3.0
"""How long parts are begun one by one after the whole has failed."""

SESSIONS = "sessions"
"""What parts read in place of pg_stat_activity."""


@dataclass(frozen=True, slots=True)
class Part:
    """One question: an expression in SQL that is JSON, from a major version on.

    Without an answer to a `needed` one the others say nothing.
    """

    name: str
    sql: str
    since: int = 0
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A part that has no answer, and why; `skipped` ones this server cannot answer at all."""

    part: str
    skipped: bool
    reason: str
    decide: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the server said, by part, and what is missing."""

    found: dict[str, Any]
    gaps: tuple[Gap, ...]


async def answers(
    asking: Session, parts: Iterable[Part], patience: float = PIECEMEAL_SECONDS
) -> Answers:
    """One statement; where it fails, each part by itself: one cannot take the rest along.

    Parts are begun one by one for `patience` seconds. A needed one that fails is the error.
    """
    parts = tuple(parts)
    asked = [part for part in parts if part.since <= asking.version]
    gaps = [_skipped(part, asking.version) for part in parts if part not in asked]
    try:
        return Answers(await asking.read(together(asked)), tuple(gaps))
    except ConnectError:
        raise
    except DbtoolError as error:
        if len(asked) == 1 or not asking.alive:
            raise
        return await _one_by_one(asking, asked, gaps, error, patience)


async def _one_by_one(
    asking: Session, parts: list[Part], gaps: list[Gap], first: DbtoolError, patience: float
) -> Answers:
    found: dict[str, Any] = {}
    until = time.monotonic() + patience
    for part in parts:
        if time.monotonic() > until or not asking.alive:
            if part.needed:
                raise first
            gaps.append(_unknown(part, "no time was left to ask", first))
            continue
        try:
            found |= await asking.read(together([part]))
        except DbtoolError as error:
            if part.needed:
                raise
            gaps.append(_unknown(part, error.message, error))
    if not found:
        raise first
    return Answers(found, tuple(gaps))


def _skipped(part: Part, version: int) -> Gap:
    needed = f"needs PostgreSQL {part.since}"
    return Gap(part.name, True, f"{part.name} {needed}, this is {version}", needed)


def _unknown(part: Part, reason: str, error: DbtoolError) -> Gap:
    return Gap(part.name, False, f"{part.name}: {reason}", error.hint or "try once more")


def together(parts: Iterable[Part]) -> str:
    """One statement for all of them.

    They share one look at pg_stat_activity, which costs the more the more connections there are;
    where none of them reads SESSIONS it is not taken.
    """
    members = ",\n".join(f"'{part.name}', {part.sql}" for part in parts)
    return f"""
WITH {SESSIONS} AS MATERIALIZED (SELECT * FROM pg_catalog.pg_stat_activity)
SELECT json_build_object({members})::text"""
