"""Operations as Python, in the user's own names and with env.py's own prefixes and renderers."""

import re
import textwrap
from collections.abc import Iterable
from typing import Any

from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Constraint, ForeignKeyConstraint, Index, Table
from sqlalchemy.dialects.postgresql import ENUM

from dbtool.migrate.diff.ddl import enum_of
from dbtool.sql.names import identifier

_BIND = re.compile(r"(?<![:\w\\]):(?=\w)")


class Code:
    """Writes operations; `imports` are those they need."""

    def __init__(self, context: MigrationContext) -> None:
        self._autogen = AutogenContext(context, autogenerate=False)
        self.default = context.dialect.default_schema_name or "public"
        self.op = context.opts.get("alembic_module_prefix") or ""
        self.sa = context.opts.get("sqlalchemy_module_prefix") or ""

    @property
    def imports(self) -> tuple[str, ...]:
        """The import lines of everything written so far."""
        return tuple(sorted(self._autogen.imports or ()))

    def render(self, operation: ops.MigrateOperation) -> str:
        """What Alembic writes; empty where a team's own renderer fails."""
        try:
            text = render.render_op_text(self._autogen, operation)
        except Exception:  # a team's own renderer may fail in any way
            return ""
        return textwrap.dedent(text).strip()

    def execute(self, *statements: str) -> str:
        """Statements as text; a colon before a word would be a parameter."""
        return "\n".join(f"{self.op}execute({_unbound(each)!r})" for each in statements)

    def name(self, schema: str, name: str) -> str:
        """A name in SQL."""
        if schema == self.default:
            return identifier(name)
        return f"{identifier(schema)}.{identifier(name)}"

    def create_table(self, table: Table, keys: Iterable[ForeignKeyConstraint]) -> str:
        """The table with its indexes; enumerations, and other foreign keys, are created apart."""
        copy = _without_enums(table)
        own = {each.name or tuple(each.column_keys) for each in keys}
        for each in copy.foreign_key_constraints:
            if (each.name or tuple(each.column_keys)) not in own:
                copy.constraints.discard(each)
        made: list[ops.MigrateOperation] = [ops.CreateTableOp.from_table(copy)]
        made += [ops.CreateIndexOp.from_index(each) for each in sorted(copy.indexes, key=_name)]
        texts = [self.render(each) for each in made]
        return "\n".join(texts) if all(texts) else ""

    def add_column(self, table: Table, column: "Column[Any]") -> str:
        """A column; what else it brings along is told apart."""
        copy = _without_enums(table).columns[column.key]
        made = ops.AddColumnOp.from_column_and_tablename(table.schema, table.name, copy)
        return self.render(made)

    def alter_column(self, table: Table, column: str, **parts: object) -> str:
        """What of a column is to be another."""
        made: Any = ops.AlterColumnOp(table.name, column, schema=table.schema, **parts)  # type: ignore[arg-type]
        return self.render(made)

    def type_of(self, column: "Column[Any]") -> str:
        """A column's type as Python; empty where it cannot be told."""
        try:
            return str(render._repr_type(column.type, self._autogen))
        except Exception:  # a team's own renderer may fail in any way
            return ""

    def change_type(self, table: Table, column: "Column[Any]", using: str) -> str:
        """Another type; `using` says how the values get there, where it must be said."""
        said = self.type_of(column)
        if not said:
            return ""
        parts = [repr(table.name), repr(column.name), f"type_={said}"]
        parts += [f"postgresql_using={using!r}"] if using else []
        parts += [f"schema={table.schema!r}"] if table.schema else []
        return f"{self.op}alter_column({', '.join(parts)})"

    def drop_column(self, table: Table, column: str) -> str:
        """A column goes, with its data."""
        return self._call("drop_column", table, repr(table.name), repr(column))

    def drop_index(self, table: Table, name: str) -> str:
        """An index goes."""
        return self._call("drop_index", table, self._f(name), f"table_name={table.name!r}")

    def create_index(self, index: Index) -> str:
        """An index of the models."""
        return self.render(ops.CreateIndexOp.from_index(index))

    def drop_constraint(self, table: Table, name: str, kind: str) -> str:
        """A constraint goes; `kind` in Alembic's words."""
        said = [self._f(name), repr(table.name)]
        return self._call("drop_constraint", table, *said, *([f"type_={kind!r}"] if kind else []))

    def add_constraint(self, constraint: Constraint, name: str | None) -> str:
        """A constraint of the models; one without a name gets the one the server gave it."""
        made: Any = ops.AddConstraintOp.from_constraint(constraint)
        made.constraint_name = made.constraint_name or name
        return self.render(made)

    def create_check(self, table: Table, name: str, condition: str) -> str:
        """A CHECK; the text is what the server prints."""
        text = f"{self.sa}text({_unbound(condition)!r})"
        return self._call("create_check_constraint", table, self._f(name), repr(table.name), text)

    def _call(self, verb: str, table: Table, *said: str) -> str:
        schema = [f"schema={table.schema!r}"] if table.schema else []
        return f"{self.op}{verb}({', '.join([*said, *schema])})"

    def _f(self, name: str) -> str:
        return f"{self.op}f({name!r})"


def _unbound(sql: str) -> str:
    return _BIND.sub(r"\\:", sql)


def _name(index: Index) -> str:
    return str(index.name)


def _without_enums(table: Table) -> Table:
    """A copy whose enumerations are used, not created: each is created once, by itself."""
    from sqlalchemy import MetaData
    from sqlalchemy.types import Enum

    copy = table.to_metadata(MetaData(naming_convention=table.metadata.naming_convention))
    for column in copy.columns:
        enum = enum_of(column.type)
        if enum is not None and isinstance(column.type, Enum):
            column.type = _Used(*enum.enums, name=enum.name, schema=enum.schema, create_type=False)
    return copy


class _Used(ENUM):
    """Written with `create_type=False`, which SQLAlchemy 2.0 leaves out."""

    __module__ = ENUM.__module__  # by which Alembic knows what to import

    def __repr__(self) -> str:
        said = [*map(repr, self.enums), f"name={self.name!r}"]
        said += [f"schema={self.schema!r}"] if self.schema else []
        return f"ENUM({', '.join(said)}, create_type=False)"
