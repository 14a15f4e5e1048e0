"""Which foreign key a table's rows are dealt along, and how each other parent is chosen."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from dbtool.seed.links import Combined, Link, Links, Traits, Way
from dbtool.seed.live import LiveConstraint, LiveTable
from dbtool.seed.subject import INTEGERS, TIMES, Unfit

_ONE_EACH = (1, 1, 1, 1, 0)
_PAIRS = (0, 1, 1, 2, 2, 3)
_PARTS = (1, 1, 2, 2, 3, 4, 6)
_MANY = (0, 0, 1, 1, 1, 2, 2, 3, 4, 6, 10)


def plan_links(
    table: LiveTable,
    lookups: Collection[str],
    cut: Collection[str],
    deferred: Collection[str],
    along: Collection[str] = (),
    traits: Traits | None = None,
) -> Links:
    """Choose the walk and the ways of the other foreign keys; raises Unfit where there is none.

    `along` are the columns of the foreign key a scenario deals the rows along.
    """
    known = traits or Traits()
    keys = _not_repeated(table.of_kind("foreign key"))
    asked = next((key for key in keys if along and set(key.columns) == set(along)), None)
    asked = _kin(table, keys) if known.extends else asked
    walk = asked or _choose_walk(table, keys, lookups, {*cut, *deferred})
    walked = set(walk.columns) if walk else set()
    pairs = _pairs(table, walked, keys)
    links: list[Link] = []
    covered: set[str] = set()

    def place(key: LiveConstraint) -> tuple[bool, bool, int]:
        return key is not walk, key.name not in known.unproven, -len(key.columns)

    for key in sorted(keys, key=place):
        own = set(key.columns) - covered
        way = Way.KIN if known.extends and key is walk else _way(key, table, walk, own, cut, pairs)
        takes = [table.column(name).nullable for name in own]
        links.append(Link(key, way, any(takes), any(takes) and all(takes)))
        covered |= own
    found = _uniques(table, walked, links, known, pairs)
    links = [_counted_through(link, found.combined) for link in links]
    chosen = next((link for link in links if link.way in (Way.WALK, Way.KIN)), None)
    counts = _counts(table, walk, found.crowded, bool(found.ordinals)) if walk else ()
    return Links(
        tuple(links),
        chosen,
        (1,) if known.extends else counts,
        frozenset(found.ordinals),
        frozenset(found.unique),
        tuple(found.combined),
        frozenset(link.key.name for link in links if link.key.name in pairs),
        known.unproven,
    )


def _not_repeated(keys: Sequence[LiveConstraint]) -> tuple[LiveConstraint, ...]:
    """Foreign keys without those that say the same as another."""
    return tuple({(key.columns, key.target, key.target_columns): key for key in keys}.values())


def _kin(table: LiveTable, keys: Sequence[LiveConstraint]) -> LiveConstraint:
    """The foreign key to the table whose rows these extend."""
    for key in keys:
        if set(key.columns) >= set(table.primary_key) and key.target != table.name:
            return key
    raise Unfit("it extends the rows of another table without a foreign key to them")


def _counted_through(link: Link, combined: Sequence[Combined]) -> Link:
    if any(link.key.name in each.keys for each in combined):
        return replace(link, way=Way.BEFORE if link.way is Way.SELF else Way.NTH)
    return link


def _choose_walk(
    table: LiveTable,
    keys: Sequence[LiveConstraint],
    lookups: Collection[str],
    cut: Collection[str],
) -> LiveConstraint | None:
    """The foreign key that owns the rows: part of the primary key, required, cascading."""
    joins = _is_junction(table, keys)

    def owns(key: LiveConstraint) -> bool:
        required = not any(table.column(name).nullable for name in key.columns)
        fits = joins or key.target not in lookups or _is_unique(table, key.columns)
        return required and key.target != table.name and _edge(table, key) not in cut and fits

    def weight(key: LiveConstraint) -> tuple[bool, bool, bool, bool, int]:
        leads = set(key.columns) <= set(table.primary_key)
        place = min(map([c.name for c in table.columns].index, key.columns))
        settled = key.target not in lookups
        unique = _is_unique(table, key.columns)
        spans = any(set(key.columns) > set(each.columns) for each in keys)
        return unique, spans, settled and leads, settled and key.cascades, -place

    return max(filter(owns, keys), key=weight, default=None)


def _edge(table: LiveTable, key: LiveConstraint) -> str:
    """The name the order of tables knows the foreign key by."""
    return f"{table.name}.{key.name}"


def _is_junction(table: LiveTable, keys: Sequence[LiveConstraint]) -> bool:
    referring = {name for key in keys for name in key.columns}
    sets = [set(each.columns) for each in table.of_kind("primary key", "unique")]
    return any(len(one) > 1 and one <= referring for one in sets)


def _is_unique(table: LiveTable, columns: Sequence[str]) -> bool:
    return any(set(each.columns) == set(columns) for each in table.of_kind("primary key", "unique"))


def _pairs(
    table: LiveTable, walked: Collection[str], keys: Sequence[LiveConstraint]
) -> frozenset[str]:
    """Foreign keys that, with the walk, make rows unique."""
    return frozenset(
        key.name
        for unique in table.of_kind("primary key", "unique")
        for key in keys
        if walked
        and set(unique.columns) > set(walked)
        and set(key.columns) - set(walked)
        and set(key.columns) <= set(unique.columns)
        and key.target
    )


def _way(
    key: LiveConstraint,
    table: LiveTable,
    walk: LiveConstraint | None,
    own: Collection[str],
    cut: Collection[str],
    pairs: Collection[str],
) -> Way:
    if key is walk:
        return Way.WALK
    if not own:
        return Way.SAME
    if _edge(table, key) in cut:
        return Way.CUT
    if key.target == table.name:
        shared = set(key.columns) - set(own)
        return Way.SELF if not shared or (walk and shared <= set(walk.columns)) else Way.NONE
    if len(own) < len(key.columns):
        return Way.INSIDE
    return Way.OTHER if key.name in pairs else Way.ANY


@dataclass(slots=True)
class _Uniques:
    """What makes the rows of a table differ as its constraints demand."""

    ordinals: set[str] = field(default_factory=set)
    unique: set[str] = field(default_factory=set)
    combined: list[Combined] = field(default_factory=list)
    crowded: bool = False


def _uniques(
    table: LiveTable,
    walked: Collection[str],
    links: Sequence[Link],
    traits: Traits,
    pairs: Collection[str],
) -> _Uniques:
    """For each unique constraint the columns that see to it, unless one of them does already."""
    found = _Uniques()
    referring = {name for link in links for name in link.key.columns}
    paired = [link for link in links if _differs(link, pairs)]
    empty = {name for link in links if link.way in (Way.CUT, Way.NONE) for name in link.key.columns}
    for each in sorted(table.of_kind("primary key", "unique"), key=lambda u: len(u.columns)):
        rest = [name for name in each.columns if name not in walked]
        grouped = bool(walked) and set(walked) <= set(each.columns)
        if _may_be_avoided(each, table, traits, referring):
            continue
        # Siblings differ in the whole key, not in each part of it, and from no other rows.
        differing = {
            name
            for link in paired
            for name in link.key.columns
            if grouped
            and (name in traits.telling or set(link.key.columns) - set(walked) <= set(rest))
        }
        if not rest:
            found.crowded = True
        elif _settled(table, rest, {*differing, *traits.slots}, found) or (
            empty & set(rest) and not each.is_strict
        ):
            continue
        elif free := _free(table, rest, referring, traits):
            whole = [name for name in free if table.column(name).base in INTEGERS]
            if grouped and whole and set(walked) < set(each.columns):
                found.ordinals.add(whole[0])
            else:
                found.unique.add(free[0])
        elif grouped and not _countable(rest, links):
            found.crowded = True
        else:
            found.combined.append(_combined(each, rest, links, grouped))
    return found


def _differs(link: Link, pairs: Collection[str]) -> bool:
    """Whether siblings never have the same parent along a foreign key."""
    return link.way is Way.OTHER or (link.way is Way.INSIDE and link.key.name in pairs)


def _may_be_avoided(
    unique: LiveConstraint, table: LiveTable, traits: Traits, referring: Collection[str]
) -> bool:
    """Whether rows can stay out of a partial index: what it is about is not whether one is NULL."""
    if unique.predicate is None or re.fullmatch(r"[^=<>~]*IS (NOT )?NULL\)*", unique.predicate):
        return False
    return not _free(table, unique.columns, referring, traits)


def _free(
    table: LiveTable, names: Sequence[str], referring: Collection[str], traits: Traits
) -> list[str]:
    """The columns that can have as many values as there are rows, plain ones first."""
    free = [name for name in names if name not in referring and name not in traits.few]

    def last(name: str) -> tuple[bool, bool]:
        column = table.column(name)
        return column.base in (*TIMES, "json", "jsonb"), column.default is not None

    return sorted(free, key=last)


def _combined(
    unique: LiveConstraint,
    rest: Sequence[str],
    links: Sequence[Link],
    grouped: bool,
) -> Combined:
    """All combinations of parents and of columns with few values, one after the other."""
    keys = _within(rest, links)
    columns = [name for name in rest if not any(name in link.key.columns for link in links)]
    if not keys and not columns:
        raise Unfit(f"{unique.name}: no parents can be chosen that differ in each row")
    alone = len(keys) == 1 and not columns and not grouped
    open_ended = alone and keys[0].optional and not unique.is_strict
    return Combined(tuple(k.key.name for k in keys), tuple(columns), grouped, open_ended)


def _within(rest: Sequence[str], links: Sequence[Link]) -> list[Link]:
    """The foreign keys whose parents can be counted through within some columns."""
    return [
        link
        for link in links
        if set(link.key.columns) <= set(rest)
        and link.way in (Way.ANY, Way.SELF, Way.OTHER)
        and not (link.way is Way.SELF and len(rest) > 1)
    ]


def _countable(rest: Sequence[str], links: Sequence[Link]) -> bool:
    """Whether some columns can be counted through: whole foreign keys, or few values."""
    referring = {name for link in links for name in link.key.columns}
    return bool(_within(rest, links)) or not set(rest) <= referring


def _settled(
    table: LiveTable, rest: Sequence[str], paired: Collection[str], found: _Uniques
) -> bool:
    """Whether one of the columns already makes each row different."""
    referring = {column for key in table.of_kind("foreign key") for column in key.columns}
    if any(name in paired or name in found.unique for name in rest):
        return True
    made = [table.column(name) for name in rest if name not in referring]
    return any(each.identity or each.sequence or each.base == "uuid" for each in made)


def _counts(
    table: LiveTable, walk: LiveConstraint, crowded: bool, numbered: bool
) -> tuple[int, ...]:
    """How many rows a parent gets: a small table the counts are drawn from."""
    if crowded:
        return _ONE_EACH
    if numbered:
        return _PARTS
    if _is_junction(table, table.of_kind("foreign key")):
        return _PAIRS
    return _PARTS if set(walk.columns) <= set(table.primary_key) else _MANY
