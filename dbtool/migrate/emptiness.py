"""Whether tables that held nothing when their loss was told still do, under the lock that counts.

Rows of a transaction that was open then are seen by nobody before it ends; the statement that
takes a table away waits for that, and would take them along.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import postgast
from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as pb
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate.losses import Empty, numbers
from dbtool.migrate.statements import answer, answers, execute
from dbtool.migrate.taking import Taken, Taking

_PLACES = """
    SELECT v.number, n.nspname, pg_catalog.format('%I.%I', n.nspname, c.relname),
           coalesce(a.attname, ''), pg_catalog.quote_ident(coalesce(a.attname, '')),
           coalesce(a.atttypid, 0)::pg_catalog.int8,
           pg_catalog.has_table_privilege(c.oid, 'SELECT')
           AND NOT pg_catalog.row_security_active(c.oid),
           pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
      FROM (VALUES {}) v (number, oid, attnum)
      JOIN pg_catalog.pg_class c ON c.oid = v.oid AND c.relkind IN ('r', 'p')
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_attribute a
             ON a.attrelid = v.oid AND a.attnum = v.attnum AND NOT a.attisdropped
     WHERE v.attnum = 0 OR a.attname IS NOT NULL
     ORDER BY v.number
"""
_BY_OTHERS = """
    CASE WHEN pg_catalog.age(xmin) > 0 THEN true
         ELSE pg_catalog.txid_status(
              pg_catalog.txid_current() >> 32 << 32 | xmin::text::pg_catalog.int8)
              IS DISTINCT FROM 'in progress' END
"""
"""A row that is seen though its transaction is in progress is of our own transaction."""


_BOUND = re.compile(r"%(?:\(\w+\))?s(?!\w)")
"""Where the driver puts a value; PostgreSQL's own parser knows `$1` only."""
_REWRITTEN = "rewritten"
_REWRITES = (
    pb.AT_AddColumn,
    pb.AT_AlterColumnType,
    pb.AT_SetLogged,
    pb.AT_SetUnLogged,
    pb.AT_SetAccessMethod,
)
"""What may write every row anew; the rows of others are told from our own only before it."""


@dataclass(frozen=True, slots=True)
class Look:
    """Of what a statement takes away: what is `filled` by now, and what is `unseen`."""

    filled: tuple[Empty, ...] = ()
    unseen: tuple[Empty, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something that held nothing stands by now, and what this role may do there."""

    empty: Empty
    schema: str
    table: str
    column: str
    column_sql: str
    type: int
    may_be_read: bool
    may_be_locked: bool

    def is_meant(self, taken: Taken, number: int | None) -> bool:
        """Whether a statement takes or rewrites it; `number` is what its name stands for."""
        if taken.kind == _REWRITTEN:
            return self.empty.oid == number
        if taken.kind == "schema":
            return self.schema == taken.name[1] and not self.column
        if taken.kind == "type":
            return bool(self.column) and self.type == number
        return (self.empty.oid, self.column) == (number, taken.column)


def look(statement: str, connection: DBAPIConnection, empty: Iterable[Empty]) -> Look:
    """Look at what a statement takes away, locked as the statement itself is about to lock it.

    What this role may not lock and read is unseen: whoever goes back must not be kept from it
    by a missing right.
    """
    known = tuple(empty)
    sql = _BOUND.sub("$1", statement)
    taken = (*Taking().read([sql]), *_rewritten(sql)) if known else ()
    if not taken:
        return Look()
    found = numbers(connection, taken)
    places = _places(connection, known)
    locked = _meant(places, [(e, found.get(e)) for e in taken if not _is_of_rows(e)])
    read = _meant(places, [(e, found.get(e)) for e in taken if _is_of_rows(e)])
    seen = [each for each in locked if each.may_be_read and each.may_be_locked]
    if tables := dict.fromkeys(each.table for each in seen):
        execute(connection, f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
    seen += [each for each in read if each.may_be_read and each not in seen]
    unseen = [each.empty for each in (*locked, *read) if each not in seen]
    filled = [each.empty for each in seen if _is_filled(connection, each)]
    return Look(tuple(filled), tuple(dict.fromkeys(unseen)))


def _rewritten(statement: str) -> Iterator[Taken]:
    """The tables whose rows would all be of our transaction afterwards, whoever wrote them."""
    try:
        parsed = postgast.parse(statement)
    except (postgast.PgQueryError, DecodeError):
        return
    for each in parsed.stmts:
        altered = each.stmt.alter_table_stmt
        if any(command.alter_table_cmd.subtype in _REWRITES for command in altered.cmds):
            yield Taken(_REWRITTEN, (altered.relation.schemaname, altered.relation.relname))


def _is_of_rows(taken: Taken) -> bool:
    """Whether the table itself is not locked against others who write."""
    return taken.how in ("DELETE", "UPDATE")


def _meant(
    places: Sequence[_Place], taken: Sequence[tuple[Taken, int | None]]
) -> tuple[_Place, ...]:
    found = (each for one, number in taken for each in places if each.is_meant(one, number))
    return tuple(dict.fromkeys(found))


def _is_filled(connection: DBAPIConnection, place: _Place) -> bool:
    """Whether somebody else has filled it: what the migration itself wrote is nobody's loss."""
    holds = f"{place.column_sql} IS NOT NULL" if place.column else "true"
    question = f"SELECT EXISTS (SELECT FROM {place.table} WHERE {holds}"
    if not answer(connection, f"{question})")[0]:
        return False
    return bool(answer(connection, f"{question} AND {_BY_OTHERS})")[0])


def _places(connection: DBAPIConnection, known: Sequence[Empty]) -> tuple[_Place, ...]:
    """Those that still stand, with the names they have now."""
    values = ", ".join(f"({n}, {each.oid}, {each.attnum})" for n, each in enumerate(known))
    rows = answers(connection, _PLACES.format(values))
    return tuple(_Place(known[number], *rest) for number, *rest in rows)
