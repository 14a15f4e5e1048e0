"""Whether tables that held nothing when their loss was told still do, under the lock that counts.

Rows of a transaction that was open then are seen by nobody before it ends; the statement that
takes a table away waits for that, and would take them along.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate.losses import Empty, numbers
from dbtool.migrate.places import Place, Sought, places
from dbtool.migrate.rewriting import Rewritten, family, rewritten
from dbtool.migrate.statements import answer, execute
from dbtool.migrate.taking import Taken, Taking

_BY_OTHERS = """
    NOT xmin::pg_catalog.text::pg_catalog.int8 = ANY ('{{{}}}'::pg_catalog.int8[])
    AND CASE WHEN pg_catalog.age(xmin) > 0 THEN true
        ELSE pg_catalog.txid_status(
             pg_catalog.txid_current() >> 32 << 32 | xmin::pg_catalog.text::pg_catalog.int8)
             IS DISTINCT FROM 'in progress' END
"""
"""A row that is seen though its transaction is in progress is of a savepoint of our own."""

_BOUND = re.compile(r"%(?:\([^)]*\))?s(?!\w)")
"""Where the driver puts a value; PostgreSQL's own parser knows `$1` only."""
_UNSETTLES = re.compile(r"\b(?:ROLLBACK|ABORT|ATTACH|INHERIT)\b", re.IGNORECASE)
"""What may give a lock back, or put other rows below a table that is locked."""


@dataclass(frozen=True, slots=True)
class Look:
    """Of what a statement takes away: what is `filled` by now, and what is `unseen`."""

    filled: tuple[Empty, ...] = ()
    unseen: tuple[Empty, ...] = ()


@dataclass(slots=True)
class Emptiness:
    """What held nothing of all that the `revisions` of one attempt take away, in their order.

    `empty` has it once for each time it is taken. `ours` are the transactions of the run: what they
    wrote is nobody else's loss. What came after the last statement that takes it has run (counted
    in `_spent`) is not lost by that one; of a revision that is `unforeseen` nobody knows the last.
    What was looked at before it was written anew is `_settled` while its lock lasts: nobody else
    can fill it.
    """

    revisions: Sequence[str]
    empty: Sequence[Empty]
    ours: set[int]
    unforeseen: frozenset[str] = frozenset()
    _spent: Counter[Empty] = field(default_factory=Counter)
    _settled: set[Sought] = field(default_factory=set)
    _transaction: int = 0
    _position: dict[str, int] = field(init=False)
    _times: Counter[Empty] = field(init=False)

    def __post_init__(self) -> None:
        self._position = {each: number for number, each in enumerate(self.revisions)}
        self._times = Counter(self.empty)

    def look(self, revision: str, statement: str, connection: DBAPIConnection) -> Look:
        """Look at what a statement takes away, locked as the statement itself is about to lock it.

        So it is for what any revision still takes of a table that is written anew, as the rows of
        others are told from our own only before that. What this role may not lock and read is
        unseen: whoever goes back must not be kept from it by a missing right.
        """
        pending = self._pending(revision)
        if not pending:
            return Look()
        if _UNSETTLES.search(statement):
            self._settled.clear()
            self._spent.clear()
        sql = _BOUND.sub("$1", statement)
        taken, anew = Taking().read([sql]), tuple(rewritten(sql))
        if not (taken or anew):
            return Look()
        self._join(transaction(connection))
        found = numbers(connection, [*taken, *map(_as_table, anew)])
        own = [each for each in pending if each.revision == revision]
        parts = self._parts(connection, pending, anew, found)
        stand = places(connection, [*_sought(own, taken, found), *parts])
        self._spend(revision, stand, taken, found)
        read = _meant(stand, [each for each in taken if _is_of_rows(each)], found)
        locked = _meant(stand, [each for each in taken if not _is_of_rows(each)], found)
        locked |= {each for each in stand if each.sought in parts}
        dropped = _meant(stand, [each for each in taken if each.kind == "table"], found)
        return self._looked(connection, locked, read - locked, dropped)

    def _pending(self, revision: str) -> list[Empty]:
        """What this revision and those behind it take."""
        if (first := self._position.get(revision)) is None:
            return []
        return [each for each in self._times if self._position.get(each.revision, -1) >= first]

    def _join(self, transaction: int) -> None:
        if transaction != self._transaction:
            self._settled.clear()
        self._transaction = transaction
        self.ours.add(transaction)

    def _parts(
        self,
        connection: DBAPIConnection,
        pending: Iterable[Empty],
        anew: Iterable[Rewritten],
        found: dict[Taken, int],
    ) -> frozenset[Sought]:
        """What is still to be taken, and not settled, of tables that may be written anew."""
        waiting = [
            each
            for each in pending
            if each.revision in self.unforeseen or self._spent[each] < self._times[each]
        ]
        known = {number: each for each in anew if (number := found.get(_as_table(each)))}
        if not (waiting and known):
            return frozenset()
        related = family(connection, known)
        return frozenset(
            Sought(each, part, root, alone)
            for each in waiting
            for part, root, alone in related.get(each.oid, ())
        ).difference(self._settled)

    def _spend(
        self,
        revision: str,
        stand: Iterable[Place],
        taken: Sequence[Taken],
        found: dict[Taken, int],
    ) -> None:
        """What the statement itself takes; another column of its table is still to be taken."""
        takes = {
            (place.empty, number)
            for place in stand
            for number, each in enumerate(taken)
            if (revision, each.kind, each.how)
            == (place.empty.revision, place.empty.kind, place.empty.how)
            and place.is_meant(each, found.get(each))
        }
        self._spent.update(empty for empty, _ in takes)

    def _looked(
        self,
        connection: DBAPIConnection,
        locked: set[Place],
        read: set[Place],
        dropped: set[Place],
    ) -> Look:
        barred = {each for each in dropped if not each.above_may_be_locked}
        seen = {each for each in locked - barred if each.may_be_read and each.may_be_locked}
        order = {each: number for number, each in enumerate(self._times)}
        in_order = sorted(seen, key=lambda each: order[each.empty])
        if tables := dict.fromkeys(name for e in in_order for name in _locks(e, e in dropped)):
            execute(connection, f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        self._settled.update(each.sought for each in seen)
        seen |= {each for each in read if each.may_be_read}
        unseen = (locked | read) - seen
        filled = set(_filled(connection, seen, self.ours))
        return Look(self._in_order(filled), self._in_order({each.empty for each in unseen}))

    def _in_order(self, found: set[Empty]) -> tuple[Empty, ...]:
        return tuple(each for each in self._times if each in found)


def transaction(connection: DBAPIConnection) -> int:
    """The number of the transaction, as its rows show it."""
    return int(answer(connection, "SELECT pg_catalog.txid_current()")[0])


def _locks(place: Place, is_dropped: bool) -> tuple[str, ...]:
    """Whoever writes comes from the table above, and DROP locks that before its partition."""
    if is_dropped and place.above:
        return f"ONLY {place.above}", place.locked
    return (place.locked,)


def _as_table(anew: Rewritten) -> Taken:
    return Taken("table", anew.name)


def _is_of_rows(taken: Taken) -> bool:
    """Whether the table itself is not locked against others who write."""
    return taken.how in ("DELETE", "UPDATE")


def _sought(
    own: Iterable[Empty], taken: Sequence[Taken], found: dict[Taken, int]
) -> Iterator[Sought]:
    """What a statement may mean; of a schema or a type only what stands there tells."""
    everything = any(each.kind in ("schema", "type") for each in taken)
    oids = set(found.values())
    return (Sought(each, each.oid, each.oid) for each in own if everything or each.oid in oids)


def _meant(stand: Iterable[Place], taken: Sequence[Taken], found: dict[Taken, int]) -> set[Place]:
    return {place for place in stand for each in taken if place.is_meant(each, found.get(each))}


def _filled(
    connection: DBAPIConnection, seen: Iterable[Place], ours: Iterable[int]
) -> Iterator[Empty]:
    """What somebody else has filled, each table read once."""
    tables: dict[str, list[Place]] = {}
    for each in seen:
        tables.setdefault(each.table, []).append(each)
    by_others = _BY_OTHERS.format(",".join(str(each & 0xFFFF_FFFF) for each in ours))
    for table, found in tables.items():
        held = answer(connection, _question(found, f"FROM {table} WHERE {by_others}"))
        yield from (each.empty for each, is_held in zip(found, held, strict=True) if is_held)


def _question(found: Sequence[Place], rows: str) -> str:
    """Rows are found at the first one; values of several columns by reading all of them once."""
    if not any(each.column for each in found):
        return "SELECT " + ", ".join(f"EXISTS (SELECT {rows})" for _ in found)
    holds = (f"{each.column_sql} IS NOT NULL" if each.column else "true" for each in found)
    return f"SELECT {', '.join(f'pg_catalog.bool_or({each})' for each in holds)} {rows}"
