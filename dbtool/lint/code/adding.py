"""A column added while everybody goes on working: bare first, then filled, then constrained."""

from dataclasses import dataclass

from dbtool.lint.code.calls import call, chain, execute, sql_name, string
from dbtool.lint.code.columns import not_null_steps, within
from dbtool.lint.code.rows import in_batches
from dbtool.lint.code.types import backfill, sqlalchemy_type
from dbtool.lint.schema import Name, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """The column to be added; `value` is the SQL that fills it, `key` the table's primary key."""

    table: Name
    column: str
    type: Type
    key: tuple[str, ...] = ()
    value: str = ""
    required: bool = False

    @property
    def place(self) -> str:
        """The column's name in words."""
        return f"{self.table}.{self.column}"


def bare(addition: Addition) -> str:
    """Only the column, with nothing to compute or to check."""
    said = sqlalchemy_type(addition.type)
    if said is None:
        table, name = sql_name(addition.table), sql_name(addition.column)
        return execute(f"ALTER TABLE {table} ADD COLUMN {name} {addition.type}")
    column = f"sa.Column({string(addition.column)}, {said})"
    return call("add_column", string(addition.table.name), column, *within(addition.table))


def default_from_now_on(addition: Addition) -> str:
    """The default, for rows that come from here on."""
    return call(
        "alter_column",
        string(addition.table.name),
        string(addition.column),
        f"server_default=sa.text({string(addition.value)})",
        *within(addition.table),
    )


def filled(addition: Addition) -> str:
    """The value in the rows that exist, a stretch at a time."""
    table, name = sql_name(addition.table), sql_name(addition.column)
    if len(addition.key) == 1:
        sql = f"UPDATE {table} SET {name} = {addition.value} WHERE {name} IS NULL"
        if batches := in_batches(sql, addition.table, addition.key[0]):
            return batches
    return backfill(addition.table, addition.column, addition.value)


def with_default(addition: Addition) -> str:
    """The revisions: the column and its default, the rows that exist, NOT NULL at last."""
    return chain(
        "\n".join((bare(addition), default_from_now_on(addition))),
        filled(addition),
        *_required(addition),
    )


def without_default(addition: Addition) -> str:
    """The revisions of a column whose value only the team knows."""
    return chain(
        bare(addition),
        f"# every program writes {addition.column}; give the rows that exist a value",
        *_required(addition),
    )


def _required(addition: Addition) -> tuple[str, ...]:
    return not_null_steps(addition.table, addition.column) if addition.required else ()
