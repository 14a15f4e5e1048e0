"""Set foreign keys and indexes aside while rows are loaded, and put them back as they were.

Everything happens in the transaction of the load: whatever goes wrong, a rollback restores all
of it. What cannot be put back exactly as it was stays in place.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from asyncpg.exceptions import (
    IntegrityConstraintViolationError,
    LockNotAvailableError,
    PostgresError,
)

from dbtool.database.connection import Connection
from dbtool.errors import LockNotObtained, OperationError
from dbtool.ports import Progress
from dbtool.seed.trouble import NOTHING, told

_ONLINE = "Load with the constraints in place: --online."


@dataclass(frozen=True, slots=True)
class Part:
    """A foreign key or index of a table; `stays` is why it cannot be put back as it was.

    `refers` is the table a foreign key refers to, `outside` whether that is not filled too.
    """

    kind: str
    table: str
    of: str
    shown: str
    name: str
    bare_name: str
    definition: str
    comment: str | None
    refers: str | None
    outside: bool
    stays: str | None

    @property
    def edge(self) -> str:
        """The name the order of tables knows a foreign key by."""
        return f"{self.table}.{self.bare_name}"

    def drop(self) -> str:
        """The statement that sets it aside."""
        if self.kind == "index":
            return f"DROP INDEX {self.name}"
        return f"ALTER TABLE {self.table} DROP CONSTRAINT {self.name}"

    def restore(self) -> str:
        """The statements that put it back."""
        if self.kind == "index":
            made, named = self.definition, f"INDEX {self.name}"
        else:
            made = f"ALTER TABLE {self.table} ADD CONSTRAINT {self.name} {self.definition}"
            named = f"CONSTRAINT {self.name} ON {self.table}"
        if self.comment is None:
            return made
        literal = self.comment.replace("'", "''").replace("\\", "\\\\")
        return f"{made};\nCOMMENT ON {named} IS E'{literal}'"


@dataclass(frozen=True, slots=True)
class Aside:
    """What a load may set aside, what stays in place, and what speaks against doing it at all."""

    parts: tuple[Part, ...] = ()
    obstacle: str = ""
    tables: tuple[str, ...] = ()

    @property
    def movable(self) -> tuple[Part, ...]:
        """What can be put back exactly; foreign keys go first, indexes under them after."""
        found = [part for part in self.parts if not part.stays]
        return tuple(sorted(found, key=lambda part: part.kind != "foreign key"))

    @property
    def reaches_out(self) -> bool:
        """Whether a table that is not filled itself would be locked too."""
        return any(part.outside for part in self.movable)

    @property
    def staying(self) -> tuple[str, ...]:
        """What stays in place, with the reason."""
        return tuple(f"{part.shown}: {part.stays}" for part in self.parts if part.stays)


_PARTS = """
WITH filled AS (SELECT name, name::regclass AS oid FROM unnest($1::text[]) AS name)
SELECT 'foreign key' AS kind, filled.name AS table, c.conrelid::regclass::text AS of,
    format('%I of %s', c.conname, c.conrelid::regclass) AS shown,
    format('%I', c.conname) AS name, c.conname AS bare_name,
    pg_get_constraintdef(c.oid) AS definition,
    obj_description(c.oid, 'pg_constraint') AS comment,
    format('%I.%I', fn.nspname, f.relname) AS refers,
    NOT EXISTS (SELECT FROM filled AS other WHERE other.oid = c.confrelid) AS outside,
    CASE
        WHEN r.relkind = 'p' OR f.relkind = 'p' OR c.conparentid <> 0 OR NOT c.conislocal
            THEN 'it belongs to a partitioned table'
        WHEN NOT c.convalidated THEN 'it is not validated'
        WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = c.oid AND t.tgenabled <> 'O')
            THEN 'its triggers are not enabled as they are by default'
        WHEN NOT has_table_privilege(c.confrelid, 'REFERENCES')
            THEN 'adding it again needs REFERENCES on ' || c.confrelid::regclass
        WHEN EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_constraint'::regclass
            AND d.objid = c.oid AND d.deptype IN ('e', 'x')) THEN 'an extension owns it'
    END AS stays
FROM filled JOIN pg_constraint c ON c.conrelid = filled.oid AND c.contype = 'f'
JOIN pg_class r ON r.oid = c.conrelid
JOIN pg_class f ON f.oid = c.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
UNION ALL
SELECT 'index', filled.name, i.indrelid::regclass::text, i.indexrelid::regclass::text,
    format('%I.%I', n.nspname, x.relname), x.relname,
    pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid, 'pg_class'), NULL, false,
    CASE
        WHEN r.relkind = 'p' OR x.relispartition THEN 'it belongs to a partitioned table'
        WHEN NOT (i.indisvalid AND i.indisready AND i.indislive) THEN 'it is invalid'
        WHEN i.indisclustered THEN 'the table is clustered on it'
        WHEN i.indisreplident THEN 'it is the replica identity'
        WHEN x.reltablespace <> 0 THEN 'it is in a tablespace of its own'
        WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indexrelid
            AND coalesce(a.attstattarget, -1) <> -1) THEN 'it has a statistics target'
        WHEN EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass
            AND d.refobjid = i.indexrelid) THEN 'something depends on it'
        WHEN EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
            AND d.objid = i.indexrelid AND d.deptype IN ('e', 'x')) THEN 'an extension owns it'
    END
FROM filled JOIN pg_index i ON i.indrelid = filled.oid
JOIN pg_class r ON r.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = x.relnamespace
WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
ORDER BY kind, "table", name
"""

_FOREIGN = """
SELECT string_agg(oid::regclass::text, ', ' ORDER BY oid::regclass::text) FROM pg_class
WHERE oid = ANY ($1::text[]::regclass[]) AND NOT pg_has_role(relowner, 'USAGE')
"""

_EVENTS = """
SELECT string_agg(evtname, ', ' ORDER BY evtname) FROM pg_event_trigger WHERE evtenabled <> 'D'
"""

_USERS = """
SELECT string_agg(DISTINCT format('%s (pid %s%s)', l.relation::regclass, l.pid,
    CASE WHEN a.application_name <> '' THEN ', ' || a.application_name ELSE '' END), ', ')
FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'relation' AND l.pid <> pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.relation = ANY ($1::text[]::regclass[])
AND coalesce(a.backend_type, '') <> 'autovacuum worker'
"""


async def look(connection: Connection, tables: Sequence[str]) -> Aside:
    """What could be set aside for a load into these tables, and what speaks against it."""
    rows = await connection.fetch(_PARTS, tables)
    parts = tuple(Part(**dict(row)) for row in rows)
    return Aside(parts, await _obstacle(connection, tables, parts), tuple(tables))


async def _obstacle(connection: Connection, tables: Sequence[str], parts: Sequence[Part]) -> str:
    if foreign := await connection.fetchval(_FOREIGN, tables):
        return f"only the owner may set foreign keys and indexes aside: {foreign}"
    if events := await connection.fetchval(_EVENTS):
        return f"event triggers would fire on each of them: {events}"
    if users := await connection.fetchval(_USERS, _locked(tables, parts)):
        return f"other sessions use {users}"
    return ""


def _locked(tables: Sequence[str], parts: Sequence[Part]) -> list[str]:
    """The tables, and those their foreign keys refer to: dropping one locks both ends."""
    referred = {part.refers for part in parts if part.refers and not part.stays}
    return sorted({*tables, *referred})


def refuse(aside: Aside, absent: Collection[str] = ()) -> None:
    """Raise where rows cannot be loaded with foreign keys and indexes set aside."""
    if aside.obstacle:
        raise OperationError(
            "cannot set foreign keys and indexes aside for the load",
            detail=f"{aside.obstacle[0].upper()}{aside.obstacle[1:]}.\nNothing was loaded.",
            hint=_ONLINE if not absent else "",
        )
    for part in aside.parts:
        if part.stays and part.edge in absent:
            raise OperationError(
                f"cannot set {part.shown} aside, and no row fits while it is there",
                detail=f"{part.stays[0].upper()}{part.stays[1:]}.\nNothing was loaded.",
                hint="Make it DEFERRABLE, or name other tables with --tables.",
            )


async def set_aside(
    connection: Connection, tables: Sequence[str], absent: Collection[str] = ()
) -> Aside:
    """Lock the tables and drop what can be put back; nobody else gets at them until the end."""
    aside = await look(connection, tables)
    refuse(aside, absent)
    try:
        # Whoever comes in the meantime waits behind this lock, so it gives up soon.
        await connection.execute("SET LOCAL lock_timeout = '2s'")
        names = ", ".join(_locked(tables, aside.parts))
        await connection.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        # What was looked at before the lock may have changed until it was granted.
        aside = await look(connection, tables)
        refuse(aside, absent)
        for part in aside.movable:
            await connection.execute(part.drop())
    except LockNotAvailableError as error:
        raise LockNotObtained(
            "other sessions use the tables",
            detail=f"{error}. {NOTHING}",
            hint=f"{_ONLINE} Or run it again when they have ended.",
        ) from error
    return aside


async def put_back(connection: Connection, aside: Aside, progress: Progress) -> None:
    """Build everything again, which verifies each row, and prove that all is as it was."""
    parts = aside.movable[::-1]
    if not parts:
        return
    progress.step(f"building {len(parts):,} indexes and foreign keys again")
    for number, part in enumerate(parts):
        progress.advance(number, len(parts), "indexes and foreign keys")
        try:
            await connection.execute(part.restore())
        except IntegrityConstraintViolationError as error:
            raise told(error, part.of) from error
        except PostgresError as error:
            raise OperationError(
                f"cannot build {part.shown} again",
                detail=f"{type(error).__name__}: {error}\n{NOTHING}",
                hint=_ONLINE,
            ) from error
    again = [Part(**dict(row)) for row in await connection.fetch(_PARTS, aside.tables)]
    if set(again) != set(aside.parts):
        changed = ", ".join(sorted({each.shown for each in set(again) ^ set(aside.parts)}))
        raise OperationError(
            "foreign keys or indexes would not be what they were before the load",
            detail=f"{changed}.\n{NOTHING} All of them are as they were.",
            hint=_ONLINE,
        )
