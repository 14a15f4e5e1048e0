"""Choose what fills each column of one table: keys of parents, times, then single columns."""

from collections.abc import Mapping

from dbtool.seed import checks
from dbtool.seed.infer import choose
from dbtool.seed.keys import (
    AnyParent,
    EachParent,
    EarlierRow,
    KeyOf,
    OlderRow,
    Ordinal,
    OtherParents,
)
from dbtool.seed.lifecycle import Lifecycle
from dbtool.seed.live import LiveColumn, LiveTable
from dbtool.seed.parents import Link, Links, Way
from dbtool.seed.rows import Population, Reference
from dbtool.seed.subject import TIMES, Choice, Subject, Unfit
from dbtool.seed.times import Calendar

Populations = Mapping[str, Population]

_INHERITED = ("price", "currency")


def ordered_choices(
    subject: Subject,
    population: Population,
    links: Links,
    populations: Populations,
    calendar: Calendar,
) -> dict[str, Choice]:
    """A choice for every column of the table, in the table's order."""
    times = _times(subject, population, calendar)
    references = _references(subject, population, links, populations)
    choices: dict[str, Choice] = {}
    for column in subject.live.columns:
        if column.name in links.ordinals:
            choices[column.name] = Choice(Ordinal(), "primary key", "certain")
        else:
            choices[column.name] = (
                references.get(column.name)
                or times.get(column.name)
                or _inherited(column, population, links, populations)
                or choose(column, subject)
            )
    return choices


def _references(
    subject: Subject, population: Population, links: Links, populations: Populations
) -> dict[str, Choice]:
    choices: dict[str, Choice] = {}
    for link in links.links:
        reference = _reference(link, population, links, populations)
        detail = f"{link.parent.removeprefix('public.')}: {link.way.value}"
        for name, target in zip(link.key.columns, link.key.target_columns, strict=True):
            if name in choices:
                continue
            parent = population if link.way is Way.SELF else populations.get(link.parent)
            made = KeyOf(reference, parent, target) if reference and parent else None
            if made is None and not subject.live.column(name).nullable:
                # One NULL among its columns is enough to leave a foreign key open.
                continue
            choices[name] = Choice(made, "foreign key", "certain", detail)
    return choices


def _reference(
    link: Link, population: Population, links: Links, populations: Populations
) -> Reference | None:
    """How the parents of one foreign key are chosen; None leaves it NULL."""
    name = ",".join(link.key.columns)
    parent = populations.get(link.parent)
    match link.way:
        case Way.WALK if isinstance(population.walk, EachParent):
            return population.walk
        case Way.OTHER if parent is not None:
            return OtherParents(name, parent)
        case Way.ANY if parent is not None and (parent.count or not link.nullable):
            return AnyParent(name, parent, 64 if link.nullable else 0)
        case Way.SELF:
            grouped = links.walk is not None
            if grouped or population.birth is None:
                return EarlierRow(name, grouped, link.nullable)
            return OlderRow(name, link.nullable)
    return None


def _times(subject: Subject, population: Population, calendar: Calendar) -> dict[str, Choice]:
    taken = {name for key in subject.live.of_kind("foreign key") for name in key.columns}
    columns = {
        column.name: column
        for column in subject.live.columns
        if column.base in TIMES and not column.generated and column.name not in taken
    }
    if both := sorted(columns.keys() & subject.unique):
        raise Unfit(f"{both[0]}: no unique times can be made")
    labels = {
        column.name: found
        for column in subject.live.columns
        if not column.nullable and (found := subject.labels(column))
    }
    lifecycle = Lifecycle(population, calendar, columns, subject.facts, labels)
    return {
        name: Choice(made, source, "certain" if source == "check" else "likely")
        for name, (made, source) in lifecycle.plan().items()
    }


def _inherited(
    column: LiveColumn, population: Population, links: Links, populations: Populations
) -> Choice | None:
    """A price or currency the row takes over from one of its parents."""
    name = column.name.removeprefix("unit_")
    if name not in _INHERITED or column.generated:
        return None
    for link in links.links:
        if link.way in (Way.WALK, Way.OTHER, Way.ANY) and not link.nullable:
            parent = populations[link.parent]
            reference = _reference(link, population, links, populations)
            if reference and name in parent.generators:
                made = KeyOf(reference, parent, name, "copied from the parent")
                return Choice(
                    made, "name", "likely", f"{link.parent.removeprefix('public.')}.{name}"
                )
    return None


def read_checks(table: LiveTable) -> tuple[tuple[checks.Fact, ...], tuple[str, ...]]:
    """What the CHECKs state, and the names of those left to the server to judge."""
    facts: list[checks.Fact] = []
    unread: list[str] = []
    for constraint in table.of_kind("check"):
        found = checks.read(constraint.definition)
        if found is None:
            unread.append(constraint.name)
        else:
            facts.extend(found)
    return tuple(facts), tuple(unread)
