"""What env.py wants compared: its metadata, schemas and filters, asked as Alembic asks them."""

from copy import copy
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, MetaData, Table, text
from sqlalchemy.types import NullType

from dbtool import catalog as cat
from dbtool.errors import OperationError

Key = tuple[str, str]


class Scope:
    """One configured context of env.py; names are pairs of schema and name."""

    def __init__(self, context: MigrationContext) -> None:
        self.context = context
        self.options = context.opts
        self.default = context.dialect.default_schema_name or "public"
        elsewhere = translated(context)
        self._elsewhere = frozenset(elsewhere.values())
        self.tables = {
            self.key(table): table for table in tables_of(context) if table.schema not in elsewhere
        }
        self._filters = AutogenContext(context, autogenerate=False)
        self._version_table = (context.version_table_schema or self.default, context.version_table)

    def key(self, table: Table) -> Key:
        """A table's schema and name."""
        return table.schema or self.default, table.name

    def shown(self, key: Key) -> str:
        """A name as people write it: the default schema goes without saying."""
        return key[1] if key[0] == self.default else ".".join(key)

    def schema(self, name: str) -> str | None:
        """A schema as the models name it."""
        return None if name == self.default else name

    def wants(self, key: Key) -> bool:
        """Whether something only the database has is to be compared, by its schema."""
        if key[0] == self.default:
            return True
        if not self.options.get("include_schemas") or key[0] in self._elsewhere:
            return False
        return self._named(key[0], "schema", {})

    def wants_table(self, live: cat.Table) -> bool:
        """Whether a table only the database has is to be compared."""
        key = live.schema, live.name
        if key == self._version_table or not self.wants(key):
            return False
        if not self._named(live.name, "table", {"schema_name": self.schema(live.schema)}):
            return False
        return self._kept(reflected(live, self), live.name, "table", True, None)

    def compares(self, table: Table, live: cat.Table | None) -> bool:
        """Whether a table of the models is to be compared."""
        if self.key(table) == self._version_table:
            return False
        parents = {"schema_name": table.schema}
        if live is not None and not self._named(table.name, "table", parents):
            return False
        other = reflected(live, self) if live is not None else None
        return self._kept(table, table.name, "table", False, other)

    def wants_part(self, kind: str, table: Table, name: str, item: Any) -> bool:
        """Whether a part of a table is compared; `item` is None where only the database has it."""
        if item is not None:
            return self._kept(item, name, kind, False, None)
        parents = {"schema_name": table.schema, "table_name": table.name}
        if not self._named(name, kind, parents):
            return False
        stand_in = _stand_in(kind, table, name)
        return stand_in is None or self._kept(stand_in, name, kind, True, None)

    def _named(self, name: str, kind: str, parents: dict[str, Any]) -> bool:
        try:
            return bool(self._filters.run_name_filters(name, kind, parents))  # type: ignore[arg-type]
        except Exception as error:
            raise _broken("include_name", error) from error

    def _kept(self, item: Any, name: str, kind: str, reflected: bool, other: Any) -> bool:
        try:
            filters: Any = self._filters.run_object_filters
            return bool(filters(item, name, kind, reflected, other))
        except Exception as error:
            raise _broken("include_object", error) from error


def settle_schema(context: MigrationContext) -> None:
    """Let a name without a schema mean what it means on the connection of env.py at this moment.

    SQLAlchemy only knows the schema a connection began with; env.py may set the search path, or
    have the names of the models translated.
    """
    if context.connection is not None:
        dialect: Any = copy(context.dialect)
        named = _translations(context).get(None)
        found = named or context.connection.scalar(text("SELECT current_schema()"))
        dialect.default_schema_name = found
        context.dialect = dialect


def translated(context: MigrationContext) -> dict[str, str]:
    """The schemas of models that have another name in the database."""
    found = _translations(context).items()
    return {name: other for name, other in found if name and other and name != other}


def _translations(context: MigrationContext) -> dict[str | None, str | None]:
    if context.connection is None:
        return {}
    return context.connection.get_execution_options().get("schema_translate_map") or {}


def tables_of(context: MigrationContext) -> list[Table]:
    """The tables of the metadata env.py gave."""
    return [table for each in metadatas_of(context) for table in each.tables.values()]


def metadatas_of(context: MigrationContext) -> list[MetaData]:
    """The metadata env.py gave: one or a list."""
    given = context.opts.get("target_metadata")
    return list(given) if isinstance(given, list | tuple) else [given] if given else []


def reflected(live: cat.Table, scope: Scope) -> Table:
    """A table of the database for a filter to look at."""
    columns = [Column(each.name, NullType(), comment=each.comment) for each in live.columns]
    schema = scope.schema(live.schema)
    return Table(live.name, MetaData(), *columns, schema=schema, comment=live.comment)


def _stand_in(kind: str, table: Table, name: str) -> Any:
    """An object of the database for a filter to look at."""
    from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint

    copy = Table(table.name, MetaData(), Column("x", NullType()), schema=table.schema)
    match kind:
        case "column":
            column: Column[Any] = Column(name, NullType())
            copy.append_column(column, replace_existing=True)
            return column
        case "index":
            return Index(name, copy.c.x)
        case "unique_constraint":
            made: Any = UniqueConstraint("x", name=name)
        case "foreign_key_constraint":
            made = ForeignKeyConstraint(["x"], [f"{table.fullname}.x"], name=name)
        case "check_constraint":
            made = CheckConstraint(text("true"), name=name)
        case _:
            return None
    copy.append_constraint(made)
    return made


def _broken(name: str, error: Exception) -> OperationError:
    return OperationError(
        f"{name} of env.py failed",
        detail=f"{type(error).__name__}: {error}",
        hint="It is asked of every table, column, index and constraint that differs.",
    )
