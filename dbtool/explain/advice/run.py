"""Find the indexes that statements lack, and let a planner decide which are worth it."""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dbtool.explain.advice import measure, referring, tables, unvalidated
from dbtool.explain.advice.candidate import Candidate, name_of
from dbtool.explain.advice.candidates import Option, propose, targets
from dbtool.explain.advice.choose import LEAST_SAVED, Choice, choose
from dbtool.explain.advice.cost import size, writes
from dbtool.explain.advice.existing import Unused, covers, outgrown, unused
from dbtool.explain.advice.operators import lacking
from dbtool.explain.advice.planner import Asked, Planner, cost
from dbtool.explain.advice.planners import SECONDS, Place, Shown, in_words, planner, together
from dbtool.explain.advice.replica import Replica
from dbtool.explain.advice.result import Advice, Gain, Proof, Proposal, Rejected
from dbtool.explain.advice.tables import Known
from dbtool.explain.advice.written import write
from dbtool.explain.plan import Plan
from dbtool.explain.session import RefusedByServerError, guarded
from dbtool.explain.wording import FOREIGN_PART
from dbtool.report import counted
from dbtool.scratch.ended import Ended

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

APART = 0.25
"""The share by which a throwaway server may cost a statement otherwise before it is no proof."""

_WITHOUT = (
    "CREATE EXTENSION hypopg lets the server's own planner try them; on a machine with the"
    ' programs of PostgreSQL 18 (pip install "dbtool-pg[local]") a throwaway server does'
)


def advise(place: Place, asked: Sequence[Asked], *, built: bool = False) -> Advice:
    """The indexes that would serve some statements; nothing stays on their server.

    With `built` those proposed are built there, the statements run, and all of it rolled back.
    """
    if built:
        measure.check(place.standing)
    return together(_advise(place, tuple(asked), built=built))


async def _advise(place: Place, asked: tuple[Asked, ...], *, built: bool) -> Advice:
    async with place.connected() as connection:
        adviser = await look(connection, asked)
        if not adviser.options:
            return adviser.advice(None, "")
        async with AsyncExitStack() as stack:
            shown = Shown(adviser.known, adviser.asked, adviser.names)
            try:
                found, why = await planner(place, connection, shown, stack)
            except Ended as error:
                found, why = None, in_words(error)
            if found is None:
                return adviser.advice(None, "", why)
            place.progress.step(f"trying {counted(len(adviser.options), 'choice')} of indexes")
            choice = await choose(found, adviser.asked, adviser.options, adviser.known)
            advice = adviser.advice(choice, found.told, adviser.doubts(choice, found))
        if not (built and choice.chosen):
            return advice
        return await _measured(connection, adviser, choice, advice)


async def _measured(
    connection: "Connection", adviser: "Adviser", choice: Choice, advice: Advice
) -> Advice:
    """The advice with the times of the statements that were run with all of it built."""
    names = {each: adviser.names[each] for each in choice.chosen}
    asked = [each for each in adviser.asked if not each.parameters]
    times = {
        each.name: (one.before.execution_ms, one.after.execution_ms)
        for each, one in zip(asked, await measure.measure(connection, asked, names), strict=True)
    }
    proposals = []
    for each in advice.proposals:
        gains = tuple(
            replace(gain, before_ms=times[gain.statement][0], after_ms=times[gain.statement][1])
            if gain.statement in times
            else gain
            for gain in each.gains
        )
        proposals.append(replace(each, gains=gains, proof=Proof.MEASURED))
    return replace(advice, proposals=tuple(proposals))


async def look(connection: "Connection", asked: Sequence[Asked]) -> "Adviser":
    """Plan the statements as they are, and what they set off, and find what could be tried."""
    plans = [await _plan(connection, each) for each in asked]
    async with guarded(connection, SECONDS):
        searches = await referring.searches(connection, asked, plans)
    besides = []
    for each in searches:
        # Triggers run with the rights of the table's owner, which this role may lack.
        with suppress(RefusedByServerError):
            plans.append(await _plan(connection, each))
            besides.append(each)
    async with guarded(connection, SECONDS):
        known = await tables.read(connection, tables.tables_of(plans))
    return Adviser((*asked, *besides), tuple(plans), known)


async def _plan(connection: "Connection", asked: Asked) -> Plan:
    async with guarded(connection, SECONDS) as session:
        return await asked.plan(session)


class Adviser:
    """What is known before any index was tried, and how the advice is put together."""

    def __init__(self, asked: tuple[Asked, ...], plans: tuple[Plan, ...], known: Known) -> None:
        self.asked = asked
        self.plans = plans
        self.known = known
        self.scans = tuple(scan for plan in plans for scan in targets(plan, known))
        pairs = zip(asked, plans, strict=True)
        dear = [(each, plan) for each, plan in pairs if cost(plan) >= LEAST_SAVED]
        found = dict.fromkeys(
            option for each, plan in dear for option in propose(plan, known, bound=each.bound)
        )
        wanting = tuple(option for option in found if not self._there(option))
        self.options = tuple(option for option in wanting if not self._foreign(option))
        self.impossible = tuple(option for option in wanting if option not in self.options)
        self.names = self._named(each for option in self.options for each in option)

    def _named(self, candidates: Iterable[Candidate]) -> dict[Candidate, str]:
        """Names that are free, also beside one another."""
        names: dict[Candidate, str] = {}
        for candidate in dict.fromkeys(candidates):
            names[candidate] = name_of(candidate, self.known, names.values())
        return names

    def _there(self, option: Option) -> bool:
        """Whether an index that exists serves what one of these would."""
        for each in option:
            table = self.known.table(each.schema, each.table)
            if table and any(covers(index, each) for index in table.indexes):
                return True
        return False

    def _foreign(self, option: Option) -> bool:
        """Whether a partition of one of its tables takes no index."""
        tables = (self.known.table(each.schema, each.table) for each in option)
        return any(table is not None and table.foreign for table in tables)

    def doubts(self, choice: Choice, asked: Planner) -> str:
        """Why a throwaway server's word is not good: it plans the statement otherwise."""
        if not isinstance(asked, Replica):
            return ""
        for here, there in zip(self.plans, choice.before, strict=True):
            mine, other = cost(here), cost(there.plan)
            if abs(mine - other) > max(APART * mine, 100.0):
                return (
                    f"the throwaway server would spend {other:,.0f} on a statement on which this"
                    f" server spends {mine:,.0f}"
                )
        return ""

    def advice(self, choice: Choice | None, told: str, doubt: str = "") -> Advice:
        """The proposals, what was tried besides, and why indexes that exist were not used."""
        if choice is None:
            if not self.options:
                return Advice(unused=self._unused(), notes=self._notes(), nothing=self._nothing())
            guessed = unvalidated.pick(self.scans, self.options)
            names = self._named(guessed)
            proposals = tuple(self._proposal(each, names[each], Proof.NONE, ()) for each in guessed)
            return Advice(proposals, self._unused(), (), "", self._validate(doubt), self._notes())
        proof = Proof.NONE if doubt else Proof.PLANNED
        # Those that were tried beside them took names that are free again.
        names = self._named(choice.chosen)
        proposals = tuple(
            self._proposal(each, names[each], proof, self._gains(each, choice))
            for each in choice.chosen
        )
        rejected = [
            Rejected(" and ".join(each.shown for each in option), why)
            for option, why in choice.rejected.items()
        ]
        validate = self._validate(doubt) if doubt else ""
        return Advice(proposals, self._unused(), tuple(rejected), told, validate, self._notes())

    def _nothing(self) -> str:
        """Why there was nothing to try."""
        most = max((cost(plan) for plan in self.plans), default=0.0)
        if most < LEAST_SAVED:
            return f"the planner expects a cost of {most:,.0f}, which leaves nothing to save"
        if self.impossible:
            return "see the notes"
        return "no large table is searched by what an index could hold"

    def _validate(self, why: str) -> str:
        return f"{why}. {_WITHOUT}" if why else ""

    def _gains(self, candidate: Candidate, choice: Choice) -> tuple[Gain, ...]:
        return tuple(
            Gain(each.name, cost(before.plan), cost(now.plan), each.weight, caused=each.caused)
            for each, before, now in zip(self.asked, choice.before, choice.now, strict=True)
            if candidate in now.used
        )

    def _proposal(
        self, candidate: Candidate, name: str, proof: Proof, gains: tuple[Gain, ...]
    ) -> Proposal:
        table = self.known.table(candidate.schema, candidate.table)
        written = write(candidate, name, table)
        return Proposal(
            name=name,
            table=candidate.table,
            shown=candidate.shown,
            sql=tuple(f"{each};" for each in written.sql),
            model=written.model,
            upgrade=written.upgrade,
            downgrade=written.downgrade,
            proof=proof,
            gains=gains,
            size=size(candidate, self.known),
            writes=writes(candidate, self.known),
            replaces=outgrown(table, candidate) if table else (),
        )

    def _unused(self) -> tuple[Unused, ...]:
        found = (each for scan in self.scans for each in unused(scan, self.known))
        return tuple(dict.fromkeys(found))

    def _notes(self) -> tuple[str, ...]:
        """What no index can do as the statement or the database is."""
        found = [
            lacking(term, scan.node.text("Filter"), scan.root, self.known)
            for scan in self.scans
            for term in scan.own.every
        ]
        wanted = {each.table: None for option in self.impossible for each in option}
        found += [f"no index on {name} is proposed: {FOREIGN_PART}" for name in wanted]
        found += [
            f"{each.name} was never analysed, so nothing is known to advise on: ANALYZE it"
            for each in self.known.tables
            if each.rows < 0 and each.kind != "p"
        ]
        return tuple(dict.fromkeys(each for each in found if each))
