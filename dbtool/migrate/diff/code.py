"""Operations as Python, in the user's own names and with env.py's own prefixes and renderers."""

import re
import textwrap
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

from alembic.autogenerate import render
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Constraint, Enum, ForeignKeyConstraint, Index, MetaData, Table
from sqlalchemy.dialects.postgresql import ARRAY, DOMAIN, ENUM
from sqlalchemy.types import ARRAY as ANY_ARRAY
from sqlalchemy.types import TypeDecorator

from dbtool import catalog as cat
from dbtool.migrate.verbatim import verbatim
from dbtool.sql.names import identifier

_BIND = re.compile(r"(?<![:\w\\]):(?=\w)")
_LISTED = re.compile(
    r"((?:ANY|ALL) \()?"
    r"(\()?(ARRAY\[(?:'(?:[^'\\]|'')*'::character varying(?:, )?)+\])(?(2)\))::text\[\]"
)


class Code:
    """Writes operations; `imports` are those they need."""

    def __init__(self, context: MigrationContext) -> None:
        self._autogen = verbatim(context)
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
        return _read_back(textwrap.dedent(text).strip(), printed=False)

    def execute(self, *statements: str) -> str:
        """Statements as text; a colon before a word would be a parameter."""
        said = (_unbound(_read_back(each)) for each in statements)
        return "\n".join(f"{self.op}execute({each!r})" for each in said)

    def name(self, schema: str, name: str) -> str:
        """A name in SQL."""
        if schema == self.default:
            return identifier(name)
        return f"{identifier(schema)}.{identifier(name)}"

    def bare(self, expression: str) -> str:
        """What the server prints, with types of the default schema as each tenant finds them."""
        schema = "|".join(map(re.escape, (self.default, identifier(self.default))))
        return re.sub(rf'::(?:{schema})\.(?=[\w"])', "::", expression)

    def create_table(self, table: Table, keys: Iterable[ForeignKeyConstraint]) -> str:
        """The table with its indexes; its types, and other foreign keys, are created apart."""
        new = _without_types(table)
        _lift_checks(new)
        own = {each.name or tuple(each.column_keys) for each in keys}
        for each in new.foreign_key_constraints:
            if (each.name or tuple(each.column_keys)) not in own:
                new.constraints.discard(each)
        made: list[ops.MigrateOperation] = [ops.CreateTableOp.from_table(new)]
        made += [ops.CreateIndexOp.from_index(each) for each in sorted(new.indexes, key=_name)]
        texts = [self.render(each) for each in made]
        return "\n".join(texts) if all(texts) else ""

    def add_column(self, table: Table, column: "Column[Any]") -> str:
        """A column; what else it brings along is told apart."""
        new = _without_types(table).columns[column.key]
        made = ops.AddColumnOp.from_column_and_tablename(table.schema, table.name, new)
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
        text = f"{self.sa}text({_unbound(_read_back(condition))!r})"
        return self._call("create_check_constraint", table, self._f(name), repr(table.name), text)

    def _call(self, verb: str, table: Table, *said: str) -> str:
        schema = [f"schema={table.schema!r}"] if table.schema else []
        return f"{self.op}{verb}({', '.join([*said, *schema])})"

    def _f(self, name: str) -> str:
        return f"{self.op}f({name!r})"


def literal(text: str | None) -> str:
    """A text in SQL; a comment that is none is NULL."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def commented(code: Code, table: tuple[str, str], constraint: cat.Constraint) -> Iterator[str]:
    """The comment of a constraint in SQL, which no operation that creates it says."""
    if constraint.comment:
        on = f"CONSTRAINT {identifier(constraint.name)} ON {code.name(*table)}"
        yield f"COMMENT ON {on} IS {literal(constraint.comment)}"


def _read_back(sql: str, *, printed: bool = True) -> str:
    """What the server prints of a list of varchar, so that it prints the same once it has read it.

    It takes the cast of the whole list for casts of each text, and prints those. Behind ANY it
    casts by itself; elsewhere the list is a varchar's first, in what somebody wrote as it is.
    """

    def said(found: re.Match[str]) -> str:
        if found[1]:
            return f"{found[1]}{found[3]}"
        return f"({found[3]}::character varying[])::text[]" if printed else found[0]

    return _LISTED.sub(said, sql)


def _unbound(sql: str) -> str:
    return _BIND.sub(r"\\:", sql)


def _name(index: Index) -> str:
    return str(index.name)


def _without_types(table: Table) -> Table:
    """A copy that uses its types and does not create them: each is created once, by itself.

    A copy of a type would be in the schema of the table.
    """
    new = table.to_metadata(MetaData(naming_convention=table.metadata.naming_convention))
    for column in new.columns:
        column.type = _used(table.columns[column.key].type)
    return new


def _lift_checks(table: Table) -> None:
    """Alembic writes a table's own constraints, and leaves out those that stand in a column."""
    for column in table.columns:
        for each in [*column.constraints]:
            column.constraints.discard(each)
            table.append_constraint(each)


def _used(kind: Any) -> Any:
    """A type as one that is there already; any other as it is."""
    if isinstance(kind, TypeDecorator):
        inner = kind.impl_instance
        return kind if (used := _used(inner)) is inner else used
    if isinstance(kind, ANY_ARRAY):
        used = _used(kind.item_type)
        return kind if used is kind.item_type else ARRAY(used, dimensions=kind.dimensions)
    if isinstance(kind, DOMAIN):
        there = copy(kind)
        there.create_type = False
        return there
    if isinstance(kind, Enum) and kind.native_enum and kind.enums:
        return _Used(*kind.enums, name=kind.name, schema=kind.schema, create_type=False)
    return kind


class _Used(ENUM):
    """Written with `create_type=False`, which SQLAlchemy 2.0 leaves out."""

    __module__ = ENUM.__module__  # by which Alembic knows what to import

    def __repr__(self) -> str:
        said = [*map(repr, self.enums), f"name={self.name!r}"]
        said += [f"schema={self.schema!r}"] if self.schema else []
        return f"ENUM({', '.join(said)}, create_type=False)"
