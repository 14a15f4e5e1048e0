"""Pick the few indexes that a planner uses and that pay."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.candidates import MOST_STATES, Option
from dbtool.explain.advice.cost import size
from dbtool.explain.advice.planner import Asked, Planned, Planner, cost
from dbtool.explain.advice.tables import BLOCK, Known

CUT = 0.7
"""What a statement's cost has to fall to, at most, before an index is worth proposing."""

LEAST_SAVED = 100.0
"""And by how much, at least, in the planner's unit."""

MARGIN = 0.1
"""And what share of the cost without any index: one more index has to be worth its keep."""

ALIKE = 0.1
"""The share of the gain within which the smaller index is preferred."""

MOST = 10
"""Indexes proposed for one statement or workload."""

_OUTDONE = "another serves the same better"


@dataclass(frozen=True, slots=True)
class Trial:
    """One option on top of what is chosen: the plan of every statement it changes."""

    option: Option
    plans: Mapping[int, Planned]
    gain: float
    pays: bool
    bytes: float


@dataclass(slots=True)
class Choice:
    """What was chosen so far, the plans before and with it, and why other options were not."""

    before: list[Planned]
    now: list[Planned]
    chosen: list[Candidate] = field(default_factory=list)
    rejected: dict[Option, str] = field(default_factory=dict)


async def choose(
    planner: Planner, asked: Sequence[Asked], options: Iterable[Option], known: Known
) -> Choice:
    """Take the option that saves most, look again at what is left, until nothing pays."""
    before = [await planner.plan(each) for each in asked]
    choice = Choice(before, list(before))
    waiting = []
    for option in options:
        if why := next((why for each in option if (why := planner.refused(each))), ""):
            choice.rejected[option] = why
        else:
            waiting.append(option)
    while waiting and len(choice.chosen) < MOST:
        trials = [await _try(planner, asked, choice, option, known) for option in waiting]
        paying = [each for each in trials if each.pays]
        for each in trials:
            # What paid before another was chosen lost to it, whatever it does now.
            if choice.rejected.get(each.option) != _OUTDONE:
                choice.rejected[each.option] = _why(each, choice)
        if not paying:
            break
        best = _best(paying, known)
        choice.rejected.pop(best.option, None)
        choice.chosen += [each for each in best.option if each not in choice.chosen]
        for place, planned in best.plans.items():
            choice.now[place] = planned
        # What saves little of a dear plan may save most of what another index leaves of it.
        waiting = [each.option for each in trials if each.gain > 0 and each is not best]
    used = frozenset[Candidate]().union(*(each.used for each in choice.now))
    choice.chosen = [each for each in choice.chosen if each in used]
    return choice


async def _try(
    planner: Planner, asked: Sequence[Asked], choice: Choice, option: Option, known: Known
) -> Trial:
    plans: dict[int, Planned] = {}
    gain, pays = 0.0, False
    tables = {known_root(known, each) for each in option}
    for place, each in enumerate(asked):
        now = choice.now[place]
        if not _reads(now, tables, known):
            continue
        planned = await planner.plan(each, (*choice.chosen, *option))
        if not planned.used.intersection(option):
            continue
        saved = cost(now.plan) - cost(planned.plan)
        gain += saved * each.weight
        least = max(LEAST_SAVED, MARGIN * cost(choice.before[place].plan))
        enough = cost(planned.plan) <= CUT * cost(now.plan) and saved >= least
        pays = pays or (enough and planned.used.issuperset(option))
        plans[place] = planned
    room = sum(size(each, known).bytes for each in option)
    return Trial(option, plans, gain, pays and gain > 0, room)


def known_root(known: Known, candidate: Candidate) -> tuple[str, str]:
    """The table of a candidate, as its partitions name their root."""
    table = known.table(candidate.schema, candidate.table)
    return table.root if table else (candidate.schema, candidate.table)


def _reads(planned: Planned, roots: set[tuple[str, str]], known: Known) -> bool:
    for node in planned.plan.nodes:
        table = known.table(node.text("Schema"), node.relation) if node.relation else None
        if table is not None and table.root in roots:
            return True
    return False


def _best(paying: Sequence[Trial], known: Known) -> Trial:
    """The one that saves most, or one that saves nearly as much and costs less to keep.

    An index for few rows serves few statements: one for all rows goes before it, unless all it
    searches by is what the other leaves out.
    """
    most = max(each.gain for each in paying)
    good = [each for each in paying if each.gain >= (1 - ALIKE) * most]
    general = any(not _partial(each) and not _by_state(each, known) for each in good)

    def price(trial: Trial) -> tuple[bool, int, int, float]:
        included = sum(len(each.include) for each in trial.option)
        return _partial(trial) and general, _room(trial, known), included, -trial.gain

    return min(good, key=price)


def _partial(trial: Trial) -> bool:
    return any(each.predicate for each in trial.option)


def _by_state(trial: Trial, known: Known) -> bool:
    """Whether the first key of an index tells but a few states apart."""
    for each in trial.option:
        table = known.table(each.schema, each.table)
        column = table.columns.get(each.keys[0].column) if table else None
        if column is not None and 0 < column.distinct <= MOST_STATES:
            return True
    return False


def _room(trial: Trial, known: Known) -> int:
    """Its size in twentieths of the table's: smaller differences decide nothing."""
    tables = (known.table(each.schema, each.table) for each in trial.option)
    pages = sum(each.pages for each in tables if each is not None)
    return int(20 * trial.bytes / BLOCK / pages) if pages > 0 else 0


def _why(trial: Trial, choice: Choice) -> str:
    if trial.pays:
        return _OUTDONE
    if not trial.plans:
        return "the planner does not use it"
    saved = trial.gain
    before = sum(cost(choice.now[place].plan) for place in trial.plans)
    return f"it saves too little: {saved:,.0f} of a cost of {before:,.0f}"
