"""Where something that held nothing when its loss was told stands by now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate.losses import Empty
from dbtool.migrate.statements import answers
from dbtool.migrate.taking import Taken

_PLACES = """
    SELECT v.number, n.nspname, pg_catalog.format('%I.%I', n.nspname, c.relname),
           coalesce(a.attname, ''), pg_catalog.quote_ident(coalesce(a.attname, '')),
           coalesce(a.atttypid, 0)::pg_catalog.int8,
           pg_catalog.has_table_privilege(c.oid, 'SELECT')
           AND NOT pg_catalog.row_security_active(c.oid),
           pg_catalog.format('%I.%I', rn.nspname, r.relname),
           r.relkind IN ('r', 'p')
           AND pg_catalog.has_table_privilege(r.oid, 'UPDATE, DELETE, TRUNCATE'),
           CASE WHEN u.oid IS NULL THEN ''
                ELSE pg_catalog.format('%I.%I', un.nspname, u.relname) END,
           u.oid IS NULL OR pg_catalog.has_schema_privilege(u.relnamespace, 'USAGE')
           AND pg_catalog.has_table_privilege(u.oid, 'UPDATE, DELETE, TRUNCATE')
      FROM (VALUES {}) v (number, oid, attnum, part, root)
      JOIN pg_catalog.pg_class c ON c.oid = v.part AND c.relkind IN ('r', 'p')
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_class r ON r.oid = v.root
      JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
      LEFT JOIN pg_catalog.pg_attribute a
             ON a.attrelid = v.oid AND a.attnum = v.attnum AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_class e ON e.oid = v.oid AND e.relispartition
      LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = e.oid
      LEFT JOIN pg_catalog.pg_class u ON u.oid = i.inhparent
      LEFT JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace
     WHERE v.attnum = 0 OR a.attname IS NOT NULL
     ORDER BY v.number
"""


@dataclass(frozen=True, slots=True)
class Sought:
    """Something that held nothing, and the table whose rows count: itself, or one below it.

    `root` is what the statement names, and locks first: whoever writes comes from there too, and
    would meet a lock on a table below it in the opposite order.
    """

    empty: Empty
    table: int
    root: int
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where it stands by now, and what this role may do there.

    `above` is the table that it is a partition of: PostgreSQL locks it first to drop the partition.
    """

    sought: Sought
    schema: str
    name: str
    column: str
    column_sql: str
    type: int
    may_be_read: bool
    root: str
    may_be_locked: bool
    above: str
    above_may_be_locked: bool

    @property
    def empty(self) -> Empty:
        """What held nothing."""
        return self.sought.empty

    @property
    def table(self) -> str:
        """The table in SQL, without those below it where they do not count."""
        return f"ONLY {self.name}" if self.sought.alone else self.name

    @property
    def locked(self) -> str:
        """The table in SQL that is locked for it, together with those below."""
        return f"ONLY {self.root}" if self.sought.alone else self.root

    def is_meant(self, taken: Taken, number: int | None) -> bool:
        """Whether a statement takes it away; `number` is what its name stands for."""
        if taken.kind == "schema":
            return self.schema == taken.name[1] and not self.column
        if taken.kind == "type":
            return bool(self.column) and self.type == number
        return (self.empty.oid, self.column) == (number, taken.column)


def places(connection: DBAPIConnection, sought: Iterable[Sought]) -> tuple[Place, ...]:
    """Those that still stand, with the names they have now."""
    known: Sequence[Sought] = list(dict.fromkeys(sought))
    if not known:
        return ()
    values = ", ".join(
        f"({n}, {each.empty.oid}, {each.empty.attnum}, {each.table}, {each.root})"
        for n, each in enumerate(known)
    )
    rows = answers(connection, _PLACES.format(values))
    return tuple(Place(known[number], *rest) for number, *rest in rows)
