"""Which foreign key a table's rows are dealt along, and how each other parent is chosen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dbtool.seed.live import LiveConstraint, LiveTable
from dbtool.seed.subject import TIMES, Unfit


class Way(StrEnum):
    """How a row gets its parent."""

    WALK = "dealt parent by parent"
    OTHER = "a different one each time"
    ANY = "any older row"
    SELF = "an earlier row of the table"
    CUT = "left NULL: it would close a cycle"
    NONE = "left NULL"
    SAME = "shares the columns of another foreign key"


@dataclass(frozen=True, slots=True)
class Link:
    """A foreign key and the way its parents are chosen."""

    key: LiveConstraint
    way: Way
    nullable: bool

    @property
    def parent(self) -> str:
        """The referenced table."""
        return self.key.target or ""


@dataclass(frozen=True, slots=True)
class Links:
    """All foreign keys of a table, and how many rows go to each parent they are dealt to."""

    links: tuple[Link, ...]
    walk: Link | None
    counts: tuple[int, ...]
    ordinals: frozenset[str]
    unique: frozenset[str]


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
) -> Links:
    """Choose the walk and the ways of the other foreign keys; raises Unfit where there is none.

    `along` are the columns of the foreign key a scenario deals the rows along.
    """
    keys = table.of_kind("foreign key")
    asked = next((key for key in keys if along and set(key.columns) == set(along)), None)
    walk = asked or _choose_walk(table, keys, lookups, {*cut, *deferred})
    walked = set(walk.columns) if walk else set()
    pairs = _pairs(table, walked, keys)
    links: list[Link] = []
    covered: set[str] = set()
    for key in sorted(keys, key=lambda each: (each is not walk, len(each.columns))):
        own = set(key.columns) - covered
        way = _way(key, table, walk, own, cut, pairs)
        links.append(Link(key, way, any(table.column(name).nullable for name in own)))
        covered |= own
    chosen = next((link for link in links if link.way is Way.WALK), None)
    ordinals, unique, crowded = _uniques(table, walked, links)
    counts = _counts(table, walk, crowded, bool(ordinals)) if walk else ()
    return Links(tuple(links), chosen, counts, ordinals, unique)


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

    def weight(key: LiveConstraint) -> tuple[bool, bool, bool, int]:
        leads = set(key.columns) <= set(table.primary_key)
        place = min(map([c.name for c in table.columns].index, key.columns))
        settled = key.target not in lookups
        unique = _is_unique(table, key.columns)
        return unique, settled and leads, settled and key.cascades, -place

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
        and set(key.columns) <= set(unique.columns) - set(walked)
    )


def _way(
    key: LiveConstraint,
    table: LiveTable,
    walk: LiveConstraint | None,
    own: Collection[str],
    cut: Collection[str],
    pairs: Collection[str],
) -> Way:
    nullable = any(table.column(name).nullable for name in own)
    if key is walk:
        return Way.WALK
    if not own:
        return Way.SAME
    if _edge(table, key) in cut:
        return Way.CUT
    if key.target == table.name:
        shared = set(key.columns) - set(own)
        return Way.SELF if not shared or (walk and shared <= set(walk.columns)) else Way.NONE
    if _is_unique(table, key.columns) or len(own) < len(key.columns):
        if nullable:
            return Way.NONE
        what = "is unique" if _is_unique(table, key.columns) else "shares columns with another"
        raise Unfit(f"{key.name} {what}: no parents can be chosen for it")
    return Way.OTHER if key.name in pairs else Way.ANY


def _uniques(
    table: LiveTable, walked: Collection[str], links: Sequence[Link]
) -> tuple[frozenset[str], frozenset[str], bool]:
    """Columns numbered within the parent, columns unique alone, and whether one row each is all."""
    referring = {name for link in links for name in link.key.columns}
    paired = {name for link in links if link.way is Way.OTHER for name in link.key.columns}
    ordinals: set[str] = set()
    unique: set[str] = set()
    crowded = False
    for each in table.of_kind("primary key", "unique"):
        rest = [name for name in each.columns if name not in walked]
        if not rest:
            crowded = True
        elif not _settled(table, rest, paired, unique):
            free = [name for name in rest if name not in referring]
            whole = [n for n in free if table.column(n).base in ("int2", "int4", "int8")]
            other = [n for n in free if table.column(n).base not in (*TIMES, "bool")]
            if set(walked) < set(each.columns) and walked and whole:
                ordinals.add(whole[0])
            elif other:
                unique.add(other[0])
            elif set(walked) <= set(each.columns) and walked:
                crowded = True
            else:
                unique.update(free[:1])
    return frozenset(ordinals), frozenset(unique), crowded


def _settled(
    table: LiveTable, rest: Sequence[str], paired: Collection[str], unique: Collection[str]
) -> bool:
    """Whether one of the columns already makes each row different."""
    return any(
        name in paired
        or name in unique
        or table.column(name).identity
        or table.column(name).sequence
        or table.column(name).base == "uuid"
        for name in rest
    )


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
