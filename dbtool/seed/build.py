"""Turn tables as they stand, and what the models say, into a plan with rows behind it."""

from collections.abc import Mapping
from dataclasses import replace

from dbtool.report import counted
from dbtool.seed import exclusions, implied, order, remedy
from dbtool.seed.columns import ordered_choices, read_checks
from dbtool.seed.drift import drift
from dbtool.seed.found import Found, by_key, edges
from dbtool.seed.keys import Serial
from dbtool.seed.links import Links, Traits, Way
from dbtool.seed.live import LiveTable
from dbtool.seed.meaning import Meaning
from dbtool.seed.parents import plan_links
from dbtool.seed.plan import (
    ColumnPlan,
    Load,
    Planned,
    Request,
    Sequence,
    Skipped,
    TablePlan,
    seed_plan,
)
from dbtool.seed.room import Room
from dbtool.seed.rows import Population
from dbtool.seed.ruling import Rulebook
from dbtool.seed.subject import Choice, Subject, Unfit
from dbtool.seed.times import Calendar


def build(found: Found, request: Request) -> Planned:
    """Plan every table, parents first; what cannot be filled is left out by name.

    Rows that need one in a table which is left out are not made either.
    """
    dropped: frozenset[tuple[str, str]] = frozenset()
    while True:
        builder = _Builder(found, request, dropped)
        planned = builder.build()
        incomplete = _incomplete(found, planned)
        if incomplete <= dropped:
            return planned
        dropped |= incomplete


def _incomplete(found: Found, planned: Planned) -> frozenset[tuple[str, str]]:
    """The kinds of rows, by the root of their tables, that would lack the row of one table."""
    filled = {load.table.name for load in planned.loads}
    return frozenset(
        (meaning.kin.root, identity)
        for name, meaning in found.meanings.items()
        if meaning.kin and name not in filled
        for identity in meaning.kin.identities
    )


class _Builder:
    def __init__(self, found: Found, request: Request, dropped: frozenset[tuple[str, str]]) -> None:
        self.found = found
        self.request = request
        self.dropped = dropped
        self.calendar = Calendar(request.as_of)
        self.tables = {table.name: table for table in found.tables}
        self.known = {table.name: table for table in (*found.beside, *found.tables)}
        self.order = order.sort(sorted(self.tables), edges(found.tables))
        self.skipped: dict[str, Skipped] = {}
        # A foreign key checked at the end may point to a table that is planned later.
        self.populations = {
            **{name: self._empty(name) for name in self.tables},
            **found.existing,
        }
        self.rulebook = Rulebook(self.populations, self.calendar, by_key(found, request))
        self.room = Room(found, request, self.populations, self.rulebook)

    def _empty(self, name: str) -> Population:
        first = self.found.first_blocks.get(name, 0)
        return Population(name, self.request.random_seed, 0, first)

    def build(self) -> Planned:
        """Every table in order."""
        made = [self._table(self.tables[name]) for name in self.order.tables]
        done = [each for each in made if each is not None]
        plan = seed_plan(
            self.request,
            tuple(table for table, _ in done),
            (*self.skipped.values(), *self.found.missing),
            (*self.rulebook.notes, *drift(self.found.tables, self.found.meanings)),
        )
        return Planned(
            plan, tuple(load for _, load in done), bool(self.order.deferred), self.order.absent
        )

    def _table(self, table: LiveTable) -> tuple[TablePlan, Load] | None:
        try:
            return self._filled(table)
        except Unfit as unfit:
            self.populations[table.name].count = 0
            self.skipped[table.name] = Skipped(table.shown, str(unfit))
            return None

    def _filled(self, table: LiveTable) -> tuple[TablePlan, Load]:
        meaning = self._meaning(table)
        _refuse(table)
        rule = self.request.rule(table.sql_name)
        facts, unread = read_checks(table)
        subject = Subject(
            table, meaning, (*facts, *meaning.facts), frozenset(), exclusions.slots(table)
        )
        few = {name: len(values) for name, values in subject.few.items()}
        slots = frozenset(subject.slots)
        cut, deferred = self.order.cut, self.order.deferred
        unproven = implied.unproven(table, self.known, cut | deferred)
        telling = self._telling(table)
        traits = Traits(few, meaning.kin is not None, slots, telling, unproven)
        links = plan_links(table, self.found.lookups, cut, deferred, rule.per, traits)
        self._refuse_orphans(table, links)
        population = self.populations[table.name]
        per = self.room.count(table, population, links, subject)
        subject = replace(subject, unique=links.unique)
        asked = population.count
        scarce = self.room.limit(population, links, few)
        choices = ordered_choices(subject, population, links, self.populations, self.calendar)
        if (locale := self.request.locale) is not None:
            choices = {c.name: locale.spoken(choices[c.name], c, subject) for c in table.columns}
        choices = self.rulebook.apply(rule, subject, links, population, choices)
        choices = remedy.apply(self.found.remedies.get(table.name, ()), choices)
        population.generators = {
            name: choice.generator for name, choice in choices.items() if choice.generator
        }
        scarce = self.room.cap(table, population) or scarce
        if scarce:
            per = f"{per}; no more differ in {scarce}".removeprefix("; ")
        if scarce and rule.rows is not None:
            got = f"{counted(population.count, 'row')}, not {asked:,}"
            self.rulebook.notes.append(f"{table.shown} gets {got}: no more differ in {scarce}")
        shown = _table_plan(table, population, per, choices, unread)
        return shown, Load(table, population, _sequences(table, population))

    def _telling(self, table: LiveTable) -> frozenset[str]:
        """The columns that refer to one which alone tells the rows of its table apart."""
        return frozenset(
            name
            for key in table.of_kind("foreign key")
            if (parent := self.tables.get(key.target or ""))
            for name, target in zip(key.columns, key.target_columns, strict=True)
            if any(u.columns == (target,) for u in parent.of_kind("primary key", "unique"))
        )

    def _meaning(self, table: LiveTable) -> Meaning:
        """What the models say, without kinds of rows that could not be complete."""
        meaning = self.found.meanings.get(table.name, Meaning(table.sql_name))
        gone = {identity for root, identity in self.dropped if root == meaning.sql_name}
        if not gone:
            return meaning
        labels = dict(meaning.labels)
        for name, known in meaning.discriminators.items():
            labels[name] = tuple(each for each in known if each not in gone)
            if not labels[name]:
                raise Unfit(f"{name}: none of its kinds of rows can be made whole")
        return replace(meaning, labels=labels)

    def _refuse_orphans(self, table: LiveTable, links: Links) -> None:
        for link in links.links:
            needed = link.way in _NEEDED and not link.nullable
            if not needed or f"{table.name}.{link.key.name}" in self.order.deferred:
                continue
            parent = self.populations.get(link.parent)
            if parent is None or not parent.count:
                why = "is skipped" if link.parent in self.skipped else "has none"
                shown = link.parent.removeprefix("public.")
                raise Unfit(f"it needs rows of {shown}, which {why}")


_NEEDED = (Way.WALK, Way.OTHER, Way.ANY, Way.NTH, Way.KIN, Way.INSIDE)
"""The ways of foreign keys that need rows to refer to."""


def _refuse(table: LiveTable) -> None:
    if not table.is_table:
        raise Unfit("it is not a table")
    for unique in table.of_kind("unique"):
        if not unique.columns and unique.predicate is not None:
            raise Unfit(f"{unique.name}: {unique.definition}")


def _table_plan(
    table: LiveTable,
    population: Population,
    per: str,
    choices: Mapping[str, Choice],
    unread: tuple[str, ...],
) -> TablePlan:
    columns = tuple(
        ColumnPlan(
            name=column.name,
            type=column.type,
            generator=choice.generator.kind if choice.generator else None,
            source=choice.source,
            confidence=choice.confidence,
            detail=choice.detail,
        )
        for column in table.columns
        if (choice := choices[column.name])
    )
    return TablePlan(table.shown, population.count, per, columns, unread, table.triggers)


def _sequences(table: LiveTable, population: Population) -> tuple[Sequence, ...]:
    last = population.start + population.count
    return tuple(
        Sequence(column.sequence, last)
        for column in table.columns
        if column.sequence and isinstance(population.generators.get(column.name), Serial)
    )
