"""A column added while everybody goes on working: bare first, then filled, then constrained."""

from dataclasses import dataclass

from dbtool.lint.code.calls import call, chain, execute, literally, sql_name, string
from dbtool.lint.code.columns import not_null_steps, within
from dbtool.lint.code.types import backfill, sqlalchemy_type
from dbtool.lint.schema import Name, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """The column to be added; `value` is the SQL that fills it.

    `parts` are the tables that hold the rows of a partitioned one.
    """

    table: Name
    column: str
    type: Type
    parts: tuple[Name, ...] = ()
    value: str = ""
    required: bool = False

    @property
    def place(self) -> str:
        """The column's name in words."""
        return f"{self.table}.{self.column}"


def bare(addition: Addition) -> str:
    """Only the column, with nothing to compute or to check."""
    table, name = sql_name(addition.table), sql_name(addition.column)
    sql = f"ALTER TABLE {table} ADD COLUMN {name} {addition.type}"
    return _added(addition) or execute(sql)


def without_constraint(addition: Addition, sql: str, plain: bool) -> str:
    """The column with all that was said of it but one constraint.

    `sql` is the statement without that; `plain` says that there is a default and NOT NULL at most.
    """
    given = []
    if addition.value:
        given.append(f"server_default=sa.text({string(literally(addition.value))})")
    if addition.required:
        given.append("nullable=False")
    return (_added(addition, *given) if plain else None) or execute(sql)


def _added(addition: Addition, *given: str) -> str | None:
    """The call that adds the column; None where only SQL can say its type."""
    said = sqlalchemy_type(addition.type)
    if said is None:
        return None
    column = f"sa.Column({', '.join((string(addition.column), said, *given))})"
    return call("add_column", string(addition.table.name), column, *within(addition.table))


def default_from_now_on(addition: Addition) -> str:
    """The default, for rows that come from here on."""
    return call(
        "alter_column",
        string(addition.table.name),
        string(addition.column),
        f"server_default=sa.text({string(literally(addition.value))})",
        *within(addition.table),
    )


def filled(addition: Addition) -> str:
    """The value in the rows that exist, a stretch at a time."""
    parts = addition.parts or (addition.table,)
    return "\n".join(backfill(part, addition.column, addition.value) for part in parts)


def with_default(addition: Addition, column: str) -> str:
    """The revisions: the column and its default, the rows that exist, NOT NULL at last.

    `column` is the code that adds the column alone.
    """
    return chain(
        "\n".join((column, default_from_now_on(addition))),
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
