"""Turn tables as they stand, and what the models say, into a plan with rows behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dbtool.report import counted
from dbtool.seed import exclusions, implied, order, remedy
from dbtool.seed.columns import (
    combinations,
    inside,
    ordered_choices,
    read_checks,
    shared_columns,
)
from dbtool.seed.dealing import EachParent, Limit, identities
from dbtool.seed.drift import drift
from dbtool.seed.keys import Given, Serial
from dbtool.seed.links import Link, Links, Traits, Way
from dbtool.seed.live import LiveConstraint, LiveTable
from dbtool.seed.meaning import Kin, Meaning
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
from dbtool.seed.remedy import Remedy
from dbtool.seed.rows import NULL, Population
from dbtool.seed.ruling import Rulebook
from dbtool.seed.subject import INTEGERS, TIMES, Choice, Subject, Unfit
from dbtool.seed.times import Calendar
from dbtool.seed.values import Listed


@dataclass(frozen=True, slots=True)
class Found:
    """The tables to fill, what the models say about them, and the rows already there.

    `lookups` are small tables others pick from, whether or not they are filled themselves.
    `first_blocks` is where numbering begins in a table with rows; `existing` holds the rows
    of tables that are referenced but not filled, `beside` the other tables of the models.
    """

    tables: tuple[LiveTable, ...]
    meanings: Mapping[str, Meaning]
    lookups: frozenset[str] = frozenset()
    first_blocks: Mapping[str, int] = field(default_factory=dict)
    remedies: Mapping[str, tuple[Remedy, ...]] = field(default_factory=dict)
    missing: tuple[Skipped, ...] = ()
    existing: Mapping[str, Population] = field(default_factory=dict)
    beside: tuple[LiveTable, ...] = ()


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


def _by_key(found: Found, request: Request) -> dict[str, dict[str, int]]:
    """The indices of rows that are there, by the keys that files have for them, as COPY text."""
    natural = dict(request.natural)
    indices: dict[str, dict[str, int]] = {}
    for name, population in found.existing.items():
        meaning = found.meanings.get(name)
        key = natural.get(meaning.sql_name, ()) if meaning else ()
        made = [population.generators.get(column) for column in key]
        columns = [each.values for each in made if isinstance(each, Given)]
        if columns and len(columns) == len(key):
            texts = list(zip(*columns, strict=True))
            indices[name] = {"\t".join(t): at for at, t in enumerate(texts) if NULL not in t}
    return indices


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
        self.order = order.sort(sorted(self.tables), _edges(found.tables))
        self.skipped: dict[str, Skipped] = {}
        # A foreign key checked at the end may point to a table that is planned later.
        self.populations = {
            **{name: self._empty(name) for name in self.tables},
            **found.existing,
        }
        self.rulebook = Rulebook(self.populations, self.calendar, _by_key(found, request))

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
        per = self._count(table, population, links, subject)
        subject = replace(subject, unique=links.unique)
        asked = population.count
        scarce = self._limit(population, links, few)
        choices = ordered_choices(subject, population, links, self.populations, self.calendar)
        if (locale := self.request.locale) is not None:
            choices = {c.name: locale.spoken(choices[c.name], c, subject) for c in table.columns}
        choices = self.rulebook.apply(rule, subject, links, population, choices)
        choices = remedy.apply(self.found.remedies.get(table.name, ()), choices)
        population.generators = {
            name: choice.generator for name, choice in choices.items() if choice.generator
        }
        scarce = self._cap(table, population) or scarce
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

    def _count(
        self, table: LiveTable, population: Population, links: Links, subject: Subject
    ) -> str:
        """How many rows the table gets: dealt to a parent, or so many of its own."""
        rule = self.request.rule(table.sql_name)
        if links.walk is None:
            population.count = self._own_rows(table) if rule.rows is None else rule.rows
            return ""
        parent = self.populations[links.walk.parent]
        counts = self._limited(links, subject)
        most = self._most(links, subject)
        walk = self.rulebook.walk(rule, links, population, counts, most)
        population.walk, population.count = walk, walk.count
        if rule.rows is not None:
            return f"evenly per row of {parent.name.removeprefix('public.')}"
        low, high = min(walk.counts), max(walk.counts)
        each = f"{low}" if low == high else f"{low} to {high}"
        return f"{each} per row of {parent.name.removeprefix('public.')}"

    def _limited(self, links: Links, subject: Subject) -> tuple[int, ...]:
        """No more rows per parent than there are different partners for them."""
        few = {name: len(values) for name, values in subject.few.items()}
        walked = links.walk.parent if links.walk else ""
        partners = [
            # Where the walk leads to the same table, a row may have to keep apart from itself.
            max(self.populations[link.parent].count - (link.parent == walked), 1)
            for link in links.links
            if link.way is Way.OTHER
        ]
        partners += [
            combinations(links, each, few, self.populations)
            for each in links.combined
            if each.of_parent
        ]
        most = min(partners, default=max(links.counts))
        return tuple(min(count, most) for count in links.counts)

    def _most(self, links: Links, subject: Subject) -> Limit | None:
        """How many rows each parent can have, where that differs from one to the next."""
        limits: list[Limit] = []
        if subject.meaning.kin is not None:
            limits.append(self._of_kind(subject.meaning.kin))
        for link in links.links:
            needed = link.way is Way.INSIDE and not link.optional
            needed = needed or (link.way is Way.SAME and link.key.name in links.unproven)
            if needed and links.walk is not None:
                limits.append(self._with_room(link, links, links.walk))
        if not limits:
            return None
        return lambda rows: [min(each) for each in zip(*(of(rows) for of in limits), strict=True)]

    def _of_kind(self, kin: Kin) -> Limit:
        names = (name for name, each in self.found.meanings.items() if each.sql_name == kin.root)
        root = next(names, "")
        if root not in self.populations or kin.column not in self.populations[root].generators:
            raise Unfit(f"the rows it extends, of {kin.root}, are not made in the same run")
        wanted = frozenset(kin.identities)
        return lambda rows: [int(each in wanted) for each in identities(rows, root, kin.column)]

    def _with_room(self, link: Link, links: Links, walk: Link) -> Limit:
        reference = inside(link, links, self.populations)
        along = dict(zip(walk.key.columns, walk.key.target_columns, strict=True))
        shared = shared_columns(link, links)
        if reference is None or not set(shared) <= along.keys():
            raise Unfit(f"{link.key.name} shares columns with another: no parents can be chosen")
        columns = [along[name] for name in shared]
        if link.key.name in links.apart:
            return lambda rows: reference.room(rows, columns)
        return lambda rows: [2**31 if each else 0 for each in reference.room(rows, columns)]

    def _limit(self, population: Population, links: Links, few: Mapping[str, int]) -> str:
        """No more rows than there are combinations; of which columns, where that cuts any off."""
        scarce = ""
        for each in links.combined:
            if each.of_parent or each.open_ended:
                continue
            most = combinations(links, each, few, self.populations)
            if not each.keys:
                most = _left(", ".join(each.columns), most, population)
            if _cut_to(population, most):
                keys = (link.key for link in links.links if link.key.name in each.keys)
                scarce = ", ".join((*(name for key in keys for name in key.columns), *each.columns))
        return scarce

    def _own_rows(self, table: LiveTable) -> int:
        rows = self.request.base_rows
        return min(rows, max(rows // 20, 8), 48) if table.name in self.found.lookups else rows

    def _cap(self, table: LiveTable, population: Population) -> str:
        """No more rows than the key has numbers, and in a lookup table than there are names.

        The column that has no more values, where that cuts any off.
        """
        scarce = ""
        for name, each in population.generators.items():
            most = getattr(each, "limit", population.start + population.count)
            if _cut_to(population, _left(name, most, population)):
                scarce = name
        if any(not unique.columns for unique in table.of_kind("unique")):
            _cut_to(population, 1)
        if population.walk is not None:
            return scarce
        for column in table.columns:
            made = population.generators.get(column.name)
            if isinstance(made, Serial) and column.base in INTEGERS:
                room = INTEGERS[column.base] - population.start
                population.count = max(0, min(population.count, room))
            asked = self.request.rule(table.sql_name).rows is not None
            if isinstance(made, Listed) and table.name in self.found.lookups and not asked:
                population.count = min(population.count, len(made.values))
        return scarce


_NEEDED = (Way.WALK, Way.OTHER, Way.ANY, Way.NTH, Way.KIN, Way.INSIDE)
"""The ways of foreign keys that need rows to refer to."""


def _left(columns: str, most: int, population: Population) -> int:
    """How many of so many values are behind the numbers of the rows that are there."""
    left = max(most - population.start, 0)
    if not left and population.count:
        raise Unfit(
            f"{columns}: only {most:,} differ, and new rows are numbered from"
            f" {population.start:,}, behind those that are there; --truncate begins anew"
        )
    return left


def _cut_to(population: Population, most: int) -> bool:
    """Keep the first so many rows; whether there were more."""
    before, population.count = population.count, min(population.count, most)
    if isinstance(population.walk, EachParent):
        population.walk.count = population.count
    return population.count < before


def _refuse(table: LiveTable) -> None:
    if not table.is_table:
        raise Unfit("it is not a table")
    for unique in table.of_kind("unique"):
        if not unique.columns and unique.predicate is not None:
            raise Unfit(f"{unique.name}: {unique.definition}")


def _edges(tables: tuple[LiveTable, ...]) -> list[order.Edge]:
    return [_edge(table, key) for table in tables for key in table.of_kind("foreign key")]


def _edge(table: LiveTable, key: LiveConstraint) -> order.Edge:
    nullable = any(table.column(name).nullable for name in key.columns)
    return order.Edge(
        name=f"{table.name}.{key.name}",
        child=table.name,
        parent=key.target or "",
        nullable=nullable,
        deferrable=key.deferrable,
    )


def lookups(tables: tuple[LiveTable, ...]) -> frozenset[str]:
    """Small tables others pick from: few columns, no times, no parents but themselves."""
    referenced = {key.target for table in tables for key in table.of_kind("foreign key")}
    return frozenset(
        table.name
        for table in tables
        if table.name in referenced
        and len(table.columns) <= 6
        and not any(column.base in TIMES for column in table.columns)
        and all(key.target == table.name for key in table.of_kind("foreign key"))
    )


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
