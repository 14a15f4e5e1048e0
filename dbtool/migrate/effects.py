"""Whether a schema change stands in the catalogue: true, false, or not to be told."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum

import postgast
from asyncpg.exceptions import InsufficientPrivilegeError
from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as pb
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.database.sync import SyncConnection
from dbtool.migrate.statements import answer
from dbtool.sql.classify import Kind, traits
from dbtool.sql.names import identifier
from dbtool.sql.text import SqlSyntaxError

# That of a partitioned table counts as invalid until every partition has one attached to it.
_INDEX = """
    SELECT i.indisvalid OR c.relkind = 'I'
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE i.indexrelid = pg_catalog.to_regclass($1)
"""
# Read without a right to use the schema, which to_regclass asks for.
_INDEX_NAMED = """
    SELECT i.indisvalid OR c.relkind = 'I'
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2
"""
_KEPT_FROM_DROPPING = """
    SELECT current_user, pg_catalog.pg_get_userbyid(c.relowner),
           pg_catalog.has_schema_privilege(n.oid, 'USAGE'),
           pg_catalog.pg_has_role(c.relowner, 'USAGE')
           OR pg_catalog.pg_has_role(n.nspowner, 'USAGE')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2
"""
_PATH = "SELECT pg_catalog.current_schemas(false)::pg_catalog.text"
_FIRST_OF_PATH = "SELECT ($1::pg_catalog.text::pg_catalog.name[])[1]"
_ON_PATH = """
    SELECT n.nspname
      FROM pg_catalog.unnest($1::pg_catalog.text::pg_catalog.name[])
           WITH ORDINALITY AS path (schema, place)
           JOIN pg_catalog.pg_namespace n ON n.nspname = path.schema
     WHERE EXISTS (SELECT FROM {catalogue} o WHERE o.{kind}namespace = n.oid AND o.{kind}name = $2)
     ORDER BY path.place LIMIT 1
"""
_RELATION_ON_PATH = _ON_PATH.format(catalogue="pg_catalog.pg_class", kind="rel")
_TYPE_ON_PATH = _ON_PATH.format(catalogue="pg_catalog.pg_type", kind="typ")
# REINDEX CONCURRENTLY builds a copy beside an index, and has two of them for a moment.
_COPIES = r"""
    SELECT n.nspname, c.relname
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_catalog.pg_index own ON own.indrelid = i.indrelid
           JOIN pg_catalog.pg_class original ON original.oid = own.indexrelid
     WHERE original.oid = pg_catalog.to_regclass($1) AND NOT i.indisvalid
       AND pg_catalog.regexp_replace(c.relname, '_cc(new|old)\d*$', '') = original.relname
       AND c.oid <> original.oid
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
                        WHERE p.index_relid = c.oid)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l
                        WHERE l.locktype = 'relation' AND l.relation = c.oid AND l.granted
                          AND l.mode = 'ShareUpdateExclusiveLock' AND l.database = (
                              SELECT d.oid FROM pg_catalog.pg_database d
                               WHERE d.datname = pg_catalog.current_database()))
"""
"""What nobody works on: REINDEX CONCURRENTLY holds that lock on every copy until it ends."""
_DETACH = re.compile(r"\bDETACH\b.*\bCONCURRENTLY\b", re.IGNORECASE | re.DOTALL)
_DETACHING = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits
                    WHERE inhparent = pg_catalog.to_regclass($1)
                      AND inhrelid = pg_catalog.to_regclass($2) AND inhdetachpending)
"""
_PARTITION = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits
                    WHERE inhparent = pg_catalog.to_regclass($1)
                      AND inhrelid = pg_catalog.to_regclass($2))
"""
_COLUMN = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute
                    WHERE attrelid = pg_catalog.to_regclass($1) AND attname = $2
                      AND NOT attisdropped)
"""
_CONSTRAINT = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint
                    WHERE conrelid = pg_catalog.to_regclass($1) AND conname = $2)
"""
_LABEL = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_enum
                    WHERE enumtypid = pg_catalog.to_regtype($1) AND enumlabel = $2)
"""


_ROWS = frozenset(
    {
        Kind.INSERT,
        Kind.UPDATE,
        Kind.DELETE,
        Kind.MERGE,
        Kind.WITH_DML,
        Kind.SELECT_INTO,
        Kind.CREATE_TABLE_AS,
        Kind.COPY,
        Kind.CALL,
        Kind.DO,
    }
)


class Lasting(Enum):
    """What stays of a statement that has committed."""

    SCHEMA = "the catalogue shows it"
    ROWS = "rows, of which the catalogue knows nothing"
    NOTHING = "nothing"


_ADDITIONS = frozenset({"index_stmt", "create_stmt", "create_enum_stmt", "alter_enum_stmt"})
_VOLATILE = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_proc
                    WHERE proname = ANY ($1) AND provolatile = 'v'
                      AND pronamespace <> 'pg_catalog'::pg_catalog.regnamespace)
"""


def is_additive(statement: str) -> bool:
    """Whether it only makes something, of which the catalogue tells whether it is there."""
    node = _parsed(statement)
    kind = node.WhichOneof("node") if node is not None else None
    if node is None or kind != "alter_table_stmt":
        return kind in _ADDITIONS
    subtypes = {each.alter_table_cmd.subtype for each in node.alter_table_stmt.cmds}
    return subtypes <= {pb.AT_AddColumn, pb.AT_AddConstraint, pb.AT_AttachPartition}


class Catalogue:
    """Looks things up; names without a schema on the search path of env.py's session.

    Of a schema that only the role env.py takes on may use, nothing is known.
    """

    def __init__(self, connection: SyncConnection, path: Callable[[], str]) -> None:
        self._connection = connection
        self._path = path

    def stands(self, statement: str) -> bool | None:
        """Whether what the statement does is done."""
        node = _parsed(statement)
        with suppress(InsufficientPrivilegeError):
            return None if node is None else self._stands(node)
        return None

    def _stands(self, node: pb.Node) -> bool | None:
        match node.WhichOneof("node"):
            case "index_stmt":
                return self._built(node.index_stmt)
            case "create_stmt":
                relation = node.create_stmt.relation
                return self._found(*self._made(relation.schemaname, relation.relname)) is not None
            case "alter_table_stmt":
                return _all(self._altered(node.alter_table_stmt))
            case "create_enum_stmt":
                made = self._made(*_last(node.create_enum_stmt.type_name))
                return self._type(*made) is not None
            case "alter_enum_stmt":
                return self._label(node.alter_enum_stmt)
            case "drop_stmt":
                return self._dropped(node.drop_stmt)
        return None

    def lasting(self, statement: str) -> Lasting:
        """What stays of a statement, as far as its text and the functions it calls tell."""
        try:
            found = traits(statement)
        except SqlSyntaxError:
            return Lasting.NOTHING
        if found.kind is Kind.DDL:
            return Lasting.SCHEMA
        if found.kind in _ROWS:
            return Lasting.ROWS
        called = [name.rpartition(".")[2] for name in found.functions]
        writes = called and self._connection.fetchval(_VOLATILE, called)
        return Lasting.ROWS if writes else Lasting.NOTHING

    def building(self, statement: str) -> tuple[str, str] | None:
        """The schema and name of the index that a statement builds."""
        node = _parsed(statement)
        if node is None or node.WhichOneof("node") != "index_stmt" or not node.index_stmt.idxname:
            return None
        schema = self._beside(node.index_stmt.relation)
        return (schema, node.index_stmt.idxname) if schema else None

    def is_broken(self, schema: str, name: str) -> bool:
        """Whether an index is there and invalid, in a schema one may not use too."""
        return self._connection.fetchval(_INDEX_NAMED, schema, name) is False

    def kept_from_dropping(self, schema: str, name: str) -> tuple[str, str] | None:
        """Why our own role may not drop an index, and who may; None where it may."""
        row = self._connection.fetchrow(_KEPT_FROM_DROPPING, schema, name)
        if row is None or (row[2] and row[3]):
            return None
        role, owner, usable, _ = row
        why = f"{owner} owns it" if usable else f"it has no USAGE on schema {schema}"
        return f"{role} may not drop it: {why}.", owner

    def drop_index(self, schema: str, name: str) -> None:
        """Take away what a failed concurrent build has left."""
        before = self._connection.fetchval("SHOW lock_timeout")
        self._connection.execute("SET lock_timeout = 0")
        self._connection.execute(f"DROP INDEX CONCURRENTLY {identifier(schema)}.{identifier(name)}")
        self._connection.execute(f"SET lock_timeout = '{before}'")

    def copies_of_index(self, schema: str, name: str) -> list[tuple[str, str]]:
        """Schema and name of what a REINDEX CONCURRENTLY that ended early has left beside it."""
        with suppress(InsufficientPrivilegeError):
            place = self._found(schema, name)
            return [(row[0], row[1]) for row in self._connection.fetch(_COPIES, place)]
        return []

    def finishing(self, statement: str) -> str | None:
        """What ends a DETACH PARTITION CONCURRENTLY that was begun and has not ended."""
        node = _parsed(statement) if _DETACH.search(statement) else None
        if node is None or node.WhichOneof("node") != "alter_table_stmt":
            return None
        command = node.alter_table_stmt.cmds[0].alter_table_cmd
        if command.subtype != pb.AT_DetachPartition:
            return None
        relation = node.alter_table_stmt.relation
        with suppress(InsufficientPrivilegeError):
            table = self._found(relation.schemaname, relation.relname)
            partition = self._partition(command)
            if table and partition and self._has(_DETACHING, table, partition):
                return f"ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE"
        return None

    def _found(self, schema: str, name: str) -> str | None:
        return self._place("to_regclass", schema, name, _RELATION_ON_PATH)

    def _type(self, schema: str, name: str) -> str | None:
        return self._place("to_regtype", schema, name, _TYPE_ON_PATH)

    def _place(self, function: str, schema: str, name: str, on_path: str) -> str | None:
        """The name as our own session may use it; raises where it may not be used."""
        schema = schema or self._connection.fetchval(on_path, self._path(), name)
        if not schema:
            return None
        place = f"{identifier(schema)}.{identifier(name)}"
        is_there = f"SELECT pg_catalog.{function}($1) IS NOT NULL"
        return place if self._connection.fetchval(is_there, place) else None

    def _made(self, schema: str, name: str) -> tuple[str, str]:
        """Where something new goes: into the first schema of the path, whatever the others have."""
        return schema or self._connection.fetchval(_FIRST_OF_PATH, self._path()) or "", name

    def _beside(self, table: pb.RangeVar) -> str | None:
        """The schema of a table, in which its indexes are too."""
        found: str | None = table.schemaname or self._connection.fetchval(
            _RELATION_ON_PATH, self._path(), table.relname
        )
        return found

    def _built(self, statement: pb.IndexStmt) -> bool | None:
        if not statement.idxname:
            return None
        schema = self._beside(statement.relation)
        place = self._found(schema, statement.idxname) if schema else None
        return place is not None and self._connection.fetchval(_INDEX, place) is True

    def _label(self, statement: pb.AlterEnumStmt) -> bool:
        place = self._type(*_last(statement.type_name))
        return place is not None and bool(
            self._connection.fetchval(_LABEL, place, statement.new_val)
        )

    def _altered(self, statement: pb.AlterTableStmt) -> Iterator[bool | None]:
        place = self._found(statement.relation.schemaname, statement.relation.relname)
        for each in statement.cmds:
            command = each.alter_table_cmd
            match command.subtype:
                case pb.AT_AddColumn:
                    yield self._has(_COLUMN, place, _definition(command))
                case pb.AT_DropColumn:
                    yield not self._has(_COLUMN, place, command.name)
                case pb.AT_AddConstraint:
                    name = _definition(command)
                    yield self._has(_CONSTRAINT, place, name) if name else None
                case pb.AT_DropConstraint:
                    yield not self._has(_CONSTRAINT, place, command.name)
                case pb.AT_AttachPartition:
                    yield self._is_partition(place, command)
                case pb.AT_DetachPartition:
                    yield not self._is_partition(place, command)
                case _:
                    yield None

    def _is_partition(self, place: str | None, command: pb.AlterTableCmd) -> bool:
        partition = self._partition(command)
        return partition is not None and self._has(_PARTITION, place, partition)

    def _partition(self, command: pb.AlterTableCmd) -> str | None:
        name = getattr(command, "def").partition_cmd.name
        return self._found(name.schemaname, name.relname)

    def _has(self, query: str, place: str | None, name: str) -> bool:
        return place is not None and bool(self._connection.fetchval(query, place, name))

    def _dropped(self, statement: pb.DropStmt) -> bool | None:
        gone = []
        for each in statement.objects:
            match statement.remove_type:
                case pb.OBJECT_TABLE | pb.OBJECT_INDEX | pb.OBJECT_VIEW | pb.OBJECT_SEQUENCE:
                    gone.append(self._found(*_last(each.list.items)) is None)
                case pb.OBJECT_TYPE:
                    gone.append(self._type(*_last(each.type_name.names)) is None)
                case _:
                    return None
        return all(gone)


def path_of(connection: DBAPIConnection) -> str:
    """The schemas in which a session seeks a name, as PostgreSQL writes an array."""
    return str(answer(connection, _PATH)[0])


def reindexed(statement: str) -> tuple[str, str] | None:
    """The schema and name of the one index a statement builds again."""
    node = _parsed(statement)
    if node is None or node.WhichOneof("node") != "reindex_stmt":
        return None
    if node.reindex_stmt.kind != pb.REINDEX_OBJECT_INDEX:
        return None
    return node.reindex_stmt.relation.schemaname, node.reindex_stmt.relation.relname


def _definition(command: pb.AlterTableCmd) -> str:
    """The name of the column or constraint a command adds."""
    node = getattr(command, "def")
    if node.WhichOneof("node") == "column_def":
        return str(node.column_def.colname)
    return str(node.constraint.conname)


def _last(names: object) -> tuple[str, str]:
    """Schema and name out of a dotted name."""
    parts = [node.string.sval for node in names]  # type: ignore[attr-defined]
    return (parts[-2] if len(parts) > 1 else "", parts[-1])


def _all(answers: Iterator[bool | None]) -> bool | None:
    found = list(answers)
    if False in found:
        return False
    return None if None in found or not found else True


def _parsed(statement: str) -> pb.Node | None:
    try:
        tree = postgast.parse(statement)
    except (postgast.PgQueryError, DecodeError):
        return None
    return tree.stmts[0].stmt if len(tree.stmts) == 1 else None
