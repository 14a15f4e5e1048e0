"""Apply what a scenario says to the tables of a plan, before anything is touched."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dbtool.errors import UsageError
from dbtool.report import counted
from dbtool.seed.dealing import EachParent, Limit
from dbtool.seed.keys import Serial
from dbtool.seed.links import Link, Links, Way
from dbtool.seed.overrides import (
    Dealing,
    Elsewhere,
    Meant,
    Pin,
    Pinned,
    Ruled,
    TableRule,
    moment,
    ruled,
    without,
)
from dbtool.seed.rows import Moments, Population, Rows
from dbtool.seed.subject import Choice, Subject
from dbtool.seed.times import WINDOW_DAYS, Born, Calendar, Written
from dbtool.seed.values import escaped

Populations = Mapping[str, Population]


@dataclass(slots=True)
class Rulebook:
    """The rules of one run, and the indices of the rows they name, by table and COPY text."""

    populations: Populations
    calendar: Calendar
    named: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def walk(
        self,
        rule: TableRule,
        links: Links,
        population: Population,
        counts: tuple[int, ...],
        limit: Limit | None = None,
    ) -> EachParent:
        """The way the rows of a table are dealt to its parent."""
        link = links.walk
        if link is None:
            raise LookupError(population.name)
        parent = self.populations[link.parent]
        name = ",".join(link.key.columns)
        pins = _pins(rule, population)
        if not (rule.counts or rule.rows is not None or pins):
            first = population.first_block
            return EachParent(name, parent, population.name, counts, first, limit)
        most = self._most(links)
        if rule.counts and most is not None and max(rule.counts) > most:
            raise _impossible(rule, population, f"{max(rule.counts)} to each", most, parent)
        total = rule.rows
        if total and parent.count and most is not None and -(-total // parent.count) > most:
            raise _impossible(rule, population, counted(total, "row"), most, parent)
        targets = (self._target(pin, link) for pin in pins)
        least = Counter(index for index in targets if index is not None)
        dealing = Dealing(rule.counts or counts, total, least)
        walk = Ruled(name, parent, population, dealing, limit)
        if total and parent.count and walk.count < total:
            raise UsageError(
                f"{rule.place}: {subject_of(population)} cannot have {counted(total, 'row')}",
                detail=f"Its rows of {subject_of(parent)} have room for {walk.count:,}. "
                "Nothing was loaded.",
            )
        return walk

    def _most(self, links: Links) -> int | None:
        """How many rows one parent can have, where the constraints limit that."""
        if max(links.counts) == 1:
            return 1
        partners = [
            self.populations[link.parent].count for link in links.links if link.way is Way.OTHER
        ]
        return min(partners, default=None)

    def _target(self, pin: Pin, link: Link) -> int | None:
        """The index of the row a pin refers to along a foreign key."""
        for meant in pin.references:
            if set(meant.columns) == set(link.key.columns):
                found = self.named.get(link.parent)
                if found is not None and (not found or meant.text in found):
                    # Where reference rows are not there yet, as in a plan, any row stands for one.
                    return found.get(meant.text)
                raise _unfound(pin, meant, self.populations[link.parent], found is not None)
        return None

    def apply(
        self,
        rule: TableRule,
        subject: Subject,
        links: Links,
        population: Population,
        choices: dict[str, Choice],
    ) -> dict[str, Choice]:
        """The choices as the rule has them."""
        for name, said in rule.columns:
            column = subject.live.column(name)
            values = len({text for text, _ in said.weights})
            if name in subject.unique and 0 < values < population.count:
                raise UsageError(
                    f"{said.place}: {counted(values, 'value')} for {population.count:,} rows",
                    detail=f"{name} is unique in {subject.live.shown}.",
                )
            before = choices[name]
            made = before.generator
            if isinstance(made, Written) and isinstance(made.of, Born) and said.low:
                self._born_within(said.low, said.high, population)
                choices[name] = before._replace(source="override", detail=said.shown)
                continue
            choices[name] = ruled(said, column, before, subject.labels(column))
        self._pin(rule, subject, links, population, choices)
        return choices

    def _born_within(self, low: str, high: str, population: Population) -> None:
        """Move the births themselves, so that what follows them still does."""
        if population.birth is None:
            return
        opens = moment(str(self.calendar.as_of)).timestamp() - WINDOW_DAYS * 86_400
        first, last = (int(moment(end).timestamp() - opens) for end in (low, high))
        if first < 0 or last > self.calendar.end:
            first, last = max(0, first), min(self.calendar.end, last)
            self.notes.append(
                f"{population.name.removeprefix('public.')}: its times are kept within the "
                f"{WINDOW_DAYS // 365} years before {self.calendar.as_of} (--as-of)"
            )
        population.birth = Within(population.birth, first, max(first, last), self.calendar.end)

    def _pin(
        self,
        rule: TableRule,
        subject: Subject,
        links: Links,
        population: Population,
        choices: dict[str, Choice],
    ) -> None:
        if rule.pins and not _pins(rule, population):
            self.notes.append(
                f"{subject.live.shown} holds rows already: those the scenario names are not added"
            )
            return
        indices = self._indices(rule, links, population)
        self.named[population.name] = dict(
            zip((escaped(pin.name) for pin in rule.pins), indices, strict=True)
        )
        pinned: dict[str, dict[int, str | Elsewhere]] = {}
        for pin, index in zip(rule.pins, indices, strict=True):
            for name, text in pin.values:
                value = r"\N" if text is None else escaped(text)
                pinned.setdefault(name, {})[index] = value
            for link in links.links:
                if link is not links.walk and (target := self._target(pin, link)) is not None:
                    parent = self.populations[link.parent]
                    for name, other in zip(link.key.columns, link.key.target_columns, strict=True):
                        pinned.setdefault(name, {})[index] = Elsewhere(parent, other, target)
        for name, values in pinned.items():
            choices[name] = _pinned(rule, subject, choices[name], name, values)

    def _indices(self, rule: TableRule, links: Links, population: Population) -> list[int]:
        """Which row each pin is: one of its parent's, else the first that are free."""
        walk, taken = population.walk, set[int]()
        found: dict[str, int] = {}
        if isinstance(walk, Ruled) and links.walk is not None:
            for pin in rule.pins:
                if (parent := self._target(pin, links.walk)) is not None:
                    place = walk.first_of(parent)
                    while place in taken:
                        place += 1
                    taken.add(place)
                    found[pin.name] = place
        free = (place for place in range(population.count) if place not in taken)
        for pin in rule.pins:
            if pin.name not in found:
                place = next(free, -1)
                if place < 0:
                    raise UsageError(
                        f"{pin.place}: {subject_of(population)} gets {population.count:,} rows, "
                        f"fewer than are named"
                    )
                found[pin.name] = place
        return [population.start + found[pin.name] for pin in rule.pins]


def subject_of(population: Population) -> str:
    """A table as people write it."""
    return population.name.removeprefix("public.").replace('"', "")


def _pins(rule: TableRule, population: Population) -> Sequence[Pin]:
    """The rows to name: in a table with rows they may be there already."""
    return () if population.first_block else rule.pins


def _impossible(
    rule: TableRule, population: Population, wanted: str, most: int, parent: Population
) -> UsageError:
    return UsageError(
        f"{rule.place}: {subject_of(population)} cannot have {wanted}",
        detail=f"Its constraints allow {most} per row of {subject_of(parent)}, "
        f"of which there are {parent.count:,}. Nothing was loaded.",
    )


def _unfound(pin: Pin, meant: Meant, parent: Population, looked_up: bool) -> UsageError:
    shown = subject_of(parent)
    detail = "It is not named in the scenario, or its table is filled later or not, "
    detail += "or lacks the columns by which a file tells its rows apart."
    hint = ""
    if looked_up:
        detail = f"It is a row of a file, and not among those of {shown} in the database."
        hint = "dbtool seed reference brings it in."
    return UsageError(
        f'{pin.place}: no row "{meant.shown}" of {shown} is there to refer to',
        detail=detail,
        hint=hint,
    )


def _pinned(
    rule: TableRule,
    subject: Subject,
    choice: Choice,
    name: str,
    values: Mapping[int, "str | Elsewhere"],
) -> Choice:
    texts = {each for each in values.values() if isinstance(each, str)}
    inner = without(choice.generator, texts)
    place = rule.pins[0].place
    if isinstance(inner, Serial):
        raise UsageError(
            f"{place}: {name} of {subject.live.shown} is numbered, from 1 on",
            hint="Leave it out: the first row that is named gets the first number.",
        )
    if inner is None:
        raise UsageError(
            f"{place}: {name} of {subject.live.shown} is left to the server in other rows",
            detail=choice.detail,
            hint="Say under tables how the others get theirs.",
        )
    detail = f"{choice.detail}; {counted(len(values), 'named row')}".removeprefix("; ")
    return choice._replace(generator=Pinned(inner, values), detail=detail)


@dataclass(frozen=True, slots=True)
class Within:
    """Births moved into a narrower window; none before the parent's."""

    inner: Moments
    first: int
    last: int
    end: int

    def moments(self, rows: Rows) -> Sequence[int]:
        """The moments."""
        span = self.last - self.first
        moved = [self.first + each * span // self.end for each in self.inner.moments(rows)]
        walk = rows.population.walk
        if walk is None:
            return moved
        return list(map(max, moved, walk.parent.births_of(rows.dealt.parents)))
