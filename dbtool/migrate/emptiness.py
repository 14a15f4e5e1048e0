"""Whether tables that held nothing when their loss was told still do, under the lock that counts.

Rows of a transaction that was open then are seen by nobody before it ends; the statement that
takes a table away waits for that, and would take them along.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate.losses import Empty, numbers
from dbtool.migrate.statements import answer, execute
from dbtool.migrate.taking import Taken, Taking
from dbtool.sql.names import identifier


@dataclass(frozen=True, slots=True)
class _Place:
    """A table in the words of the server, and whether this role may lock and read it."""

    sql: str
    may_be_read: bool


def filled(
    statement: str, connection: DBAPIConnection, empty: Iterable[Empty]
) -> tuple[Empty, ...]:
    """Those that a statement takes away and that hold something by now.

    They are locked as the statement itself is about to lock them. One that this role may not
    read is left out: whoever goes back must not be kept from it by a missing right.
    """
    known = tuple(empty)
    taken = Taking().read([statement]) if known else ()
    found = numbers(connection, taken) if taken else {}
    meant = [(each, one) for one in taken for each in _meant(one, found.get(one), known)]
    return tuple(dict.fromkeys(each for each, one in meant if _is_filled(connection, each, one)))


def _meant(taken: Taken, oid: int | None, known: Iterable[Empty]) -> Iterator[Empty]:
    for each in known:
        if taken.kind == "schema":
            is_meant = each.schema == taken.name[1] and not each.column
        elif taken.kind == "type":
            is_meant = bool(each.column)
        else:
            is_meant = (each.oid, each.column) == (oid, taken.column)
        if is_meant:
            yield each


def _is_filled(connection: DBAPIConnection, empty: Empty, taken: Taken) -> bool:
    place = _place(connection, empty.oid)
    if place is None or not place.may_be_read:
        return False
    if taken.how not in ("DELETE", "UPDATE"):
        execute(connection, f"LOCK TABLE {place.sql} IN ACCESS EXCLUSIVE MODE")
    where = f" WHERE {identifier(empty.column)} IS NOT NULL" if empty.column else ""
    return bool(answer(connection, f"SELECT EXISTS (SELECT FROM {place.sql}{where})")[0])


def _place(connection: DBAPIConnection, oid: int) -> _Place | None:
    """None where there is no such table any more, or what stands there is none."""
    name, readable, lockable = answer(
        connection,
        "SELECT pg_catalog.min(pg_catalog.format('%I.%I', n.nspname, c.relname)),"
        " pg_catalog.bool_and(pg_catalog.has_table_privilege(c.oid, 'SELECT')),"
        " pg_catalog.bool_and(pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'))"
        " FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.oid = {oid} AND c.relkind IN ('r', 'p')",
    )
    return _Place(name, readable and lockable) if name is not None else None
