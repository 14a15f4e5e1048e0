"""The statements that create what the models describe, and what each of them is for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Enum, ForeignKeyConstraint, MetaData, Table, types
from sqlalchemy.dialects.postgresql import CreateDomainType, CreateEnumType
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.schema import (
    CreateIndex,
    CreateSchema,
    CreateSequence,
    CreateTable,
    SetColumnComment,
    SetConstraintComment,
    SetTableComment,
)
from sqlalchemy.sql.ddl import DDLElement

_BROUGHT = re.compile(
    r"^(?:operator|function|type|data type|access method|text search)\b.*"
    r"\b(?:does not exist|has no default operator class)\b"
)
"""What extensions bring, where it is not there."""


class Kind(StrEnum):
    """What a statement is for that belongs to no table."""

    SCHEMA = "schema"
    ENUM = "enum"
    APART = "a type or sequence by itself"
    ANY = "anything"


@dataclass(frozen=True, slots=True)
class Planned:
    """One statement; `table` is the qualified name of the table it is needed for, if any.

    `refers` is the one a foreign key leads to, `enum` are schema, name and labels of a type.
    """

    sql: str
    table: str = ""
    kind: Kind = Kind.ANY
    refers: str = ""
    enum: tuple[str, str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """Something of the models that could not be created, and what was said of it.

    Or an extension that the database has, and the server the models are built in does not.
    """

    name: str
    reason: str
    extension: bool = False

    @property
    def brought(self) -> bool:
        """Whether an extension may bring what was not there."""
        return _BROUGHT.match(self.reason) is not None


@dataclass(frozen=True, slots=True)
class Script:
    """What creates the models; `unbuilt` cannot even be written as SQL."""

    statements: tuple[Planned, ...]
    unbuilt: tuple[Unbuilt, ...]


def script(metadatas: Iterable[MetaData], like: Dialect) -> Script:
    """Have SQLAlchemy write what `create_all` would run, with its events and in its order.

    Foreign keys come last, so that a table that cannot be built takes no other with it.
    """
    writer = _Writer(like)
    for metadata in metadatas:
        writer.write(metadata)
    return Script((*writer.statements, *writer.keys), tuple(writer.unbuilt))


class _Writer:
    def __init__(self, like: Dialect) -> None:
        # Executed without a driver, so percent signs must stay as they are.
        self.dialect: Any = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
        for name in ("server_version_info", "default_schema_name", "max_identifier_length"):
            if (value := getattr(like, name, None)) is not None:
                setattr(self.dialect, name, value)
        self.statements: list[Planned] = []
        self.keys: list[Planned] = []
        self.unbuilt: list[Unbuilt] = []
        self._seen: set[str] = set()
        self._types: set[str] = set()

    def write(self, metadata: MetaData) -> None:
        """The statements of one metadata, but for those that another with the same table said."""
        said = {(each.table, each.sql) for each in (*self.statements, *self.keys) if each.table}
        places = [(each, len(each)) for each in (self.statements, self.keys)]
        self._write(metadata)
        for written, start in places:
            written[start:] = [e for e in written[start:] if (e.table, e.sql) not in said]

    def _write(self, metadata: MetaData) -> None:
        for schema in sorted(_schemas(metadata)):
            self._plain(CreateSchema(schema, if_not_exists=True), Kind.SCHEMA)
        for enum in enums(metadata.tables.values()):
            self._type(enum)
        mock = MockConnection(self.dialect, self._take)
        try:
            metadata.create_all(mock, checkfirst=False)
        except Exception as error:  # an event of the team's may need a real connection
            self.unbuilt.append(Unbuilt("an event of the metadata", _said(error)))
            for table in metadata.tables.values():
                self._table(CreateTable(table))
        for table in metadata.tables.values():
            for key in table.foreign_key_constraints:
                self._key(table, key)

    def _take(self, element: Any, *_: object, **__: object) -> None:
        """What create_all would have executed."""
        if isinstance(element, CreateTable):
            self._table(element)
        elif isinstance(element, CreateIndex):
            self._index(element, element.element)
        elif isinstance(element, SetTableComment | SetColumnComment | SetConstraintComment):
            told: Any = element.element
            table = told if isinstance(told, Table) else told.table
            self._for_table(element, table, f"comment of {table.fullname}")
        elif isinstance(getattr(element, "element", None), ForeignKeyConstraint) or (
            isinstance(element, CreateEnumType) and self._is_written(element.element)
        ):
            return
        else:
            apart = isinstance(element, CreateSequence | CreateEnumType | CreateDomainType)
            self._plain(element, Kind.APART if apart else Kind.ANY)

    def _is_written(self, enum: Any) -> bool:
        """Whether the type was written before the tables: twice would stop what goes with it."""
        return self._enum(enum) in self._types

    def _enum(self, enum: Any) -> str:
        labels = ", ".join(map(_literal, enum.enums))
        return (
            f"CREATE TYPE {self.dialect.identifier_preparer.format_type(enum)} AS ENUM ({labels})"
        )

    def _table(self, element: CreateTable) -> None:
        table: Table = element.element
        element.include_foreign_key_constraints = []
        if table.fullname not in self._seen:
            self._seen.add(table.fullname)
            self._for_table(element, table, f"table {table.fullname}")

    def _index(self, element: CreateIndex, index: Any) -> None:
        what = f"index {index.name} on {index.table.fullname}"
        if index.expressions:
            self._for_table(element, index.table, what)
        else:
            self.unbuilt.append(Unbuilt(what, "it has no columns"))

    def _key(self, table: Table, key: ForeignKeyConstraint) -> None:
        try:
            said = self.dialect.ddl_compiler(self.dialect, None).process(key)
        except Exception as error:
            self.unbuilt.append(Unbuilt(f"foreign key of {table.fullname}", _said(error)))
            return
        shown = self.dialect.identifier_preparer.format_table(table)
        refers = self._name(key.referred_table)
        sql = f"ALTER TABLE {shown} ADD {said}"
        self.keys.append(Planned(sql, self._name(table), refers=refers))

    def _for_table(self, element: DDLElement, table: Table, what: str) -> None:
        try:
            sql = str(element.compile(dialect=self.dialect))
        except Exception as error:
            self.unbuilt.append(Unbuilt(what, _said(error)))
            return
        self.statements.append(Planned(sql, self._name(table)))

    def _type(self, enum: Enum) -> None:
        said = self._schema(enum.schema), str(enum.name), tuple(map(str, enum.enums))
        self._types.add(sql := self._enum(enum))
        self.statements.append(Planned(sql, kind=Kind.ENUM, enum=said))

    def _plain(self, element: Any, kind: Kind = Kind.ANY) -> None:
        try:
            sql = str(
                element if isinstance(element, str) else element.compile(dialect=self.dialect)
            )
        except Exception as error:
            self.unbuilt.append(Unbuilt(type(element).__name__, _said(error)))
            return
        self.statements.append(Planned(sql, kind=kind))

    def _name(self, table: Any) -> str:
        return f"{self._schema(table.schema)}.{table.name}"

    def _schema(self, name: str | None) -> str:
        return str(name or self.dialect.default_schema_name)


def enums(tables: Iterable[Table]) -> Iterator[Enum]:
    """Each native enumeration the columns use, once; also those SQLAlchemy is not to create."""
    seen = set()
    for table in tables:
        for column in table.columns:
            enum = enum_of(column.type)
            if enum is not None and enum.name and (enum.schema, enum.name) not in seen:
                seen.add((enum.schema, enum.name))
                yield enum


def enum_of(kind: Any) -> Enum | None:
    """The native enumeration a type is, wraps or has as elements."""
    while isinstance(kind, types.ARRAY | types.TypeDecorator):
        kind = kind.item_type if isinstance(kind, types.ARRAY) else kind.impl_instance
    native = isinstance(kind, Enum) and kind.native_enum and kind.enums
    return kind if native else None


def _schemas(metadata: MetaData) -> set[str]:
    named = {table.schema for table in metadata.tables.values()}
    named |= {each.schema for each in metadata._sequences.values()}
    named |= {each.schema for each in enums(metadata.tables.values())}
    return {each for each in (*named, metadata.schema) if each}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _said(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
