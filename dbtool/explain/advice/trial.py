"""What an index that the user wrote down would change."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from dbtool.errors import UsageError
from dbtool.explain.advice import measure, tables, wished
from dbtool.explain.advice.candidate import Candidate, name_of
from dbtool.explain.advice.planner import Asked
from dbtool.explain.advice.planners import SECONDS, Place, Shown, planner, together
from dbtool.explain.plan import Plan
from dbtool.explain.session import guarded


@dataclass(frozen=True, slots=True)
class Wishes:
    """Indexes as CREATE INDEX, and settings to go with them; `measure` builds the indexes."""

    indexes: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()
    measure: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """The plan of each statement with the indexes, and whose plan it is."""

    plans: tuple[Plan, ...]
    planner: str


def try_indexes(place: Place, asked: Sequence[Asked], wishes: Wishes) -> Tried:
    """Plan statements as if indexes existed; UsageError where no planner can be shown them."""
    parsed = [wished.parse(each) for each in wishes.indexes]
    if wishes.measure:
        measure.check(place.standing)
    return together(_try(place, tuple(asked), parsed, wishes))


async def _try(
    place: Place,
    asked: tuple[Asked, ...],
    parsed: Sequence[tuple[Candidate, str]],
    wishes: Wishes,
) -> Tried:
    async with place.connected() as connection:
        plans = []
        for each in asked:
            async with guarded(connection, SECONDS) as session:
                plans.append(await each.plan(session))
        async with guarded(connection, SECONDS):
            known = await tables.read(connection, tables.tables_of(plans))
        names: dict[Candidate, str] = {}
        for candidate, name in parsed:
            there = wished.placed(candidate, known)
            names[there] = name or name_of(there, known, names.values())
        if wishes.measure:
            found = await measure.measure(connection, asked, names)
            told = "by this server, on which the index was built and rolled back"
            return Tried(tuple(each.after for each in found), told)
        async with AsyncExitStack() as stack:
            shown = Shown(known, asked, names)
            chosen, why = await planner(place, connection, shown, stack)
            if chosen is None:
                raise UsageError("no planner can be shown the index", detail=f"{why}.")
            for candidate in names:
                if refused := chosen.refused(candidate):
                    raise UsageError(f"the index cannot be tried: {refused}")
            tried = [await chosen.plan(each, tuple(names), wishes.settings) for each in asked]
            return Tried(tuple(each.plan for each in tried), chosen.told)
