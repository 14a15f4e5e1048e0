"""Choose what fills each column of one table: keys of parents, times, then single columns."""

from collections.abc import Mapping

from dbtool.seed import checks
from dbtool.seed.checks import Different
from dbtool.seed.dealing import EachParent
from dbtool.seed.infer import choose
from dbtool.seed.inside import InsideParents, Partition
from dbtool.seed.joint import Digit, Each
from dbtool.seed.keys import (
    AnyParent,
    Apart,
    EarlierRow,
    KeyOf,
    NthParent,
    OlderRow,
    Ordinal,
    OtherParents,
    RowBefore,
)
from dbtool.seed.lifecycle import Lifecycle
from dbtool.seed.links import Combined, Link, Links, Way
from dbtool.seed.live import LiveColumn, LiveTable
from dbtool.seed.rows import Population, Reference
from dbtool.seed.subject import TIMES, Choice, Subject
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
    digits = _digits(subject, links, populations)
    choices: dict[str, Choice] = {}
    for column in subject.live.columns:
        if column.name in digits:
            choices[column.name] = Choice(digits[column.name], "unique", "certain")
        elif column.name in links.ordinals:
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
    made_by: dict[str, tuple[Reference | None, str]] = {}
    for link in links.links:
        if link.way is Way.INSIDE:
            reference: Reference | None = inside(link, links, populations)
        else:
            reference = _reference(link, population, links, populations)
        reference = _apart(reference, link, subject, made_by, populations)
        detail = f"{link.parent.removeprefix('public.')}: {link.way.value}"
        for name, target in zip(link.key.columns, link.key.target_columns, strict=True):
            if name in choices:
                continue
            parent = population if link.way is Way.SELF else populations.get(link.parent)
            made = KeyOf(reference, parent, target) if reference and parent else None
            made_by[name] = (reference, link.parent)
            if made is None and not subject.live.column(name).nullable:
                # One NULL among its columns is enough to leave a foreign key open.
                continue
            choices[name] = Choice(made, "foreign key", "certain", detail)
    return choices


def _apart(
    reference: Reference | None,
    link: Link,
    subject: Subject,
    made_by: Mapping[str, tuple[Reference | None, str]],
    populations: Populations,
) -> Reference | None:
    """Another parent than that of a column a CHECK keeps this one different from."""
    if reference is None or len(link.key.columns) > 1:
        return reference
    for fact in subject.facts:
        if not isinstance(fact, Different) or link.key.columns[0] not in (fact.column, fact.other):
            continue
        name = fact.other if link.key.columns[0] == fact.column else fact.column
        other, parent = made_by.get(name, (None, ""))
        if other is not None and parent == link.parent and populations[parent].count > 1:
            return Apart(f"{link.key.columns[0]}/apart", reference, other, populations[parent])
    return reference


def _reference(
    link: Link, population: Population, links: Links, populations: Populations
) -> Reference | None:
    """How the parents of one foreign key are chosen; None leaves it NULL."""
    name = ",".join(link.key.columns)
    parent = populations.get(link.parent)
    match link.way:
        case Way.WALK | Way.KIN if isinstance(population.walk, EachParent):
            return population.walk
        case Way.NTH if parent is not None and parent.count:
            return _nth(link, links, parent, populations)
        case Way.BEFORE:
            return RowBefore(name, link.optional)
        case Way.OTHER if parent is not None:
            return OtherParents(name, parent)
        case Way.ANY if parent is not None and (parent.count or not link.nullable):
            return AnyParent(name, parent, 64 if link.optional else 0)
        case Way.SELF:
            grouped = links.walk is not None
            if grouped or population.birth is None:
                return EarlierRow(name, grouped, link.optional)
            return OlderRow(name, link.optional)
    return None


def inside(link: Link, links: Links, populations: Populations) -> InsideParents | None:
    """How a parent is chosen among those that share columns with the row."""
    parent = populations.get(link.parent)
    shared = shared_columns(link, links)
    if parent is None or not parent.count or not set(shared.values()) <= parent.generators.keys():
        return None
    partition = Partition(parent, tuple(shared.values()))
    apart = link.key.name in links.apart
    return InsideParents(",".join(link.key.columns), partition, tuple(shared), apart)


def shared_columns(link: Link, links: Links) -> dict[str, str]:
    """The columns of a foreign key that one before it fills already, and what they refer to."""
    before = links.links[: links.links.index(link)]
    covered = {name for each in before for name in each.key.columns}
    pairs = zip(link.key.columns, link.key.target_columns, strict=True)
    return {name: target for name, target in pairs if name in covered}


def combinations(links: Links, each: Combined, few: Mapping[str, int], counts: Populations) -> int:
    """How many rows a combination can tell apart."""
    product = 1
    for link in links.links:
        if link.key.name in each.keys:
            known = counts.get(link.parent)
            product *= known.count if known is not None and link.way is Way.NTH else 2**31
    for name in each.columns:
        product *= few[name]
    return product


def _nth(link: Link, links: Links, parent: Population, populations: Populations) -> NthParent:
    each = next(each for each in links.combined if link.key.name in each.keys)
    stride = 1
    for other in links.links:
        if other is link:
            break
        if other.key.name in each.keys:
            stride *= populations[other.parent].count or 1
    name = ",".join(link.key.columns)
    return NthParent(name, parent, stride, each.of_parent, each.open_ended)


def _digits(subject: Subject, links: Links, populations: Populations) -> dict[str, Digit | Each]:
    """The columns of few values that tell rows apart, alone or together with parents."""
    found: dict[str, Digit | Each] = {}
    for each in links.combined:
        stride = 1
        for link in links.links:
            if link.key.name in each.keys and link.way is Way.NTH:
                stride *= populations[link.parent].count or 1
        for name in each.columns:
            values = subject.few[name]
            found.setdefault(name, Digit(values, stride, each.of_parent))
            stride *= len(values)
    return found


def _times(subject: Subject, population: Population, calendar: Calendar) -> dict[str, Choice]:
    taken = {name for key in subject.live.of_kind("foreign key") for name in key.columns}
    columns = {
        column.name: column
        for column in subject.live.columns
        if column.base in TIMES
        and not column.generated
        and column.name not in taken
        and column.name not in subject.unique
        and column.name not in subject.slots
    }
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
