"""The state of a database between two statements, and what differs from one to the next."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from dbtool.catalog.columns import Name
from dbtool.observe.observed import Built, Lock, Scan

if TYPE_CHECKING:
    from asyncpg import Record

FIRST_USER_OID = 16384

_COLUMNS = """
    c.oid::pg_catalog.int8 AS oid,
    n.nspname AS schema,
    c.relname AS relname,
    c.relkind::pg_catalog.text AS kind,
    coalesce(i.indrelid, 0)::pg_catalog.int8 AS of_table,
    coalesce(i.indisvalid, true) AS valid,
    c.relfilenode::pg_catalog.int8 AS filenode,
    c.reltablespace::pg_catalog.int8 AS tablespace,
    pg_catalog.pg_stat_get_numscans(c.oid)
        + pg_catalog.pg_stat_get_xact_numscans(c.oid) AS passes,
    pg_catalog.pg_stat_get_tuples_returned(c.oid) + pg_catalog.pg_stat_get_tuples_fetched(c.oid)
        + pg_catalog.pg_stat_get_xact_tuples_returned(c.oid)
        + pg_catalog.pg_stat_get_xact_tuples_fetched(c.oid) AS rows
"""
_USERS = """
    n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relkind <> 'c'
"""

EVERYTHING = f"""
SELECT {_COLUMNS}
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
WHERE {_USERS}
"""
"""All relations of users. What a session counted and what it has passed on add up to the same
whenever it passes it on, so the sums compare between transactions too (15 and later)."""

LOCKED = f"""
SELECT held.relation::pg_catalog.int8 AS locked, held.modes, {_COLUMNS}
FROM (
    SELECT relation, pg_catalog.array_agg(mode ORDER BY mode) AS modes
    FROM pg_catalog.pg_locks
    WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted
      AND relation >= {FIRST_USER_OID}
    GROUP BY relation
) AS held
LEFT JOIN (
    pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND {_USERS}
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
) ON c.oid = held.relation
"""
"""The relations this transaction has locked: nothing else can have been read or rewritten by it,
and all its locks last until it ends."""

_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "m": "materialized view",
    "v": "view",
    "f": "foreign table",
    "S": "sequence",
    "i": "index",
    "I": "partitioned index",
}
_INDEXES = ("i", "I")
_STORED = ("r", "m")


class Item(NamedTuple):
    """One relation at one moment: the columns of both questions, in their order."""

    oid: int
    schema: str
    relname: str
    kind: str
    of_table: int
    valid: bool
    filenode: int
    tablespace: int
    passes: int
    rows: int

    @property
    def name(self) -> Name:
        """Its name with its schema."""
        return Name(self.schema, self.relname)


Known = Mapping[int, Item]
Locks = Mapping[int, frozenset[str]]


def items(rows: "Iterable[Record]") -> dict[int, Item]:
    """The relations that rows of either question describe; dropped ones have no description."""
    columns = len(Item._fields)
    return {row["oid"]: Item._make(row[-columns:]) for row in rows if row["oid"] is not None}


def since(known: Known, marked: Container[int] | None) -> dict[int, Item]:
    """The relations that were there when they were marked, and the indexes of those."""
    return {
        oid: item
        for oid, item in known.items()
        if marked is None or oid in marked or item.of_table in marked
    }


def modes(rows: "Iterable[Record]") -> dict[int, frozenset[str]]:
    """The modes in which each relation is locked."""
    return {row["locked"]: frozenset(row["modes"]) for row in rows}


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two moments, over the relations known at the first."""

    scanned: tuple[Scan, ...] = ()
    rewritten: tuple[Name, ...] = ()
    emptied: tuple[Name, ...] = ()
    built: tuple[Built, ...] = ()


@dataclass(slots=True)
class Tracker:
    """Follows one transaction; `old` are the relations from before it, `now` their latest state."""

    old: dict[int, Item]
    now: dict[int, Item] = field(init=False)
    held: dict[int, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = dict(self.old)

    def locks(self, held: Locks) -> tuple[Lock, ...]:
        """Locks on old relations, by name and mode."""
        found = [(self.now[oid], mode) for oid in held if oid in self.old for mode in held[oid]]
        return tuple(sorted((self._lock(*each) for each in found), key=_order))

    def advance(self, held: dict[int, frozenset[str]]) -> tuple[Lock, ...]:
        """Take over the locks held now; returns those that are new."""
        before, self.held = self.held, held
        return self.locks({oid: held[oid] - before.get(oid, frozenset()) for oid in held})

    def change(self, after: Known) -> Change:
        """Take over a later state of some relations; returns what it says has happened."""
        before, self.now = self.now, {**self.now, **after}
        pairs = [(before[oid], after[oid]) for oid in after if oid in self.old and oid in before]
        built = tuple(self._built(before, after))
        moved = [(then, now) for then, now in pairs if _moved(then, now)]
        filled = {then.name for then, now in moved if _filled(then, now, pairs, built)}
        emptied = {then.name for then, _ in moved} - filled
        return Change(
            scanned=tuple(sorted(_scans(pairs, emptied), key=lambda scan: scan.relation)),
            rewritten=tuple(sorted(filled)),
            emptied=tuple(sorted(emptied)),
            built=tuple(sorted(built, key=lambda each: each.index)),
        )

    def _built(self, before: Known, after: Known) -> Iterable[Built]:
        """Indexes with storage of their own that is new: a change of type may take over the old.

        What is built beside the one it replaces and then gets its name has its oid as well.
        """
        fresh = [
            now
            for oid, now in after.items()
            if now.kind == "i" and now.of_table in self.old and not _same(before.get(oid), now)
        ]
        if not fresh:
            return
        stores = {item.filenode for item in before.values() if item.filenode}
        names = {item.name for item in before.values() if item.of_table}
        for now in fresh:
            table = before.get(now.of_table)
            if table is not None and now.filenode not in stores:
                yield Built(now.name, table.name, now.name not in names, now.valid)

    def _lock(self, item: Item, mode: str) -> Lock:
        table = self.now.get(item.of_table)
        return Lock(
            item.name, mode, _KINDS.get(item.kind, "relation"), table.name if table else None
        )


def _order(lock: Lock) -> tuple[bool, Name, str]:
    return (lock.kind in ("index", "partitioned index"), lock.relation, lock.mode)


def _same(then: Item | None, now: Item) -> bool:
    return then is not None and then.filenode == now.filenode


def _moved(then: Item, now: Item) -> bool:
    places = (then.filenode, then.tablespace), (now.filenode, now.tablespace)
    return then.kind in _STORED and places[0] != places[1] and now.filenode != 0


def _filled(
    then: Item, now: Item, pairs: Iterable[tuple[Item, Item]], built: Sequence[Built]
) -> bool:
    """Whether new storage got the old rows: they were read, and not only to build the indexes.

    A move to another tablespace copies pages, and REFRESH reads other tables.
    """
    if then.kind == "m" or then.tablespace != now.tablespace:
        return True
    by_index = any(a.of_table == then.oid and b.passes > a.passes for a, b in pairs)
    builds = sum(each.table == then.name for each in built)
    return by_index or now.passes - then.passes > builds


def _scans(pairs: Iterable[tuple[Item, Item]], emptied: Container[Name]) -> Iterable[Scan]:
    for then, now in pairs:
        if then.kind in _INDEXES or then.name in emptied:
            continue
        if now.passes > then.passes or now.rows > then.rows:
            yield Scan(then.name, now.passes - then.passes, now.rows - then.rows)
