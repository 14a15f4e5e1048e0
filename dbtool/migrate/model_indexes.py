"""What serves as an index of a table: keys, unique constraints and indexes alike."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from dbtool.migrate.model_types import compiled


@dataclass(frozen=True, slots=True)
class Served:
    """One index; `columns` has the SQL of an expression where it is no column.

    `rest` is what else tells one from another: method, operator classes, included columns.
    `flagged` says that a column has it by `index=True` or `unique=True`.
    """

    kind: str
    name: str
    columns: tuple[str, ...]
    unique: bool
    where: str = ""
    rest: tuple[str, ...] = ()
    flagged: bool = False

    @property
    def shown(self) -> str:
        """How a message names it."""
        columns = ", ".join(self.columns)
        return f"{self.kind} {self.name} ({columns})" if self.name else f"{self.kind} ({columns})"

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords of a column that ask for it."""
        if self.kind == "unique constraint":
            return ("unique",)
        return ("index", "unique") if self.unique else ("index",)

    def same_as(self, other: "Served") -> bool:
        """Whether both have the same columns of the same rows."""
        return (self.columns, self.where, self.rest) == (other.columns, other.where, other.rest)

    def begins(self, other: "Served") -> bool:
        """Whether another index of the same rows begins with its columns and goes on."""
        head = other.columns[: len(self.columns)]
        alike = (self.where, self.rest) == (other.where, other.rest)
        return alike and head == self.columns and len(other.columns) > len(self.columns)


def serving(table: Table) -> tuple[Served, ...]:
    """Every index the table would have."""
    return tuple(_of_constraints(table)) + tuple(_of_indexes(table))


def _of_constraints(table: Table) -> Iterator[Served]:
    for each in table.constraints:
        if isinstance(each, PrimaryKeyConstraint | UniqueConstraint) and len(each.columns):
            kind = "primary key" if isinstance(each, PrimaryKeyConstraint) else "unique constraint"
            columns = tuple(column.name for column in each.columns)
            flagged = bool(each._column_flag)
            yield Served(kind, str(each.name or ""), columns, unique=True, flagged=flagged)


def _of_indexes(table: Table) -> Iterator[Served]:
    for each in sorted(table.indexes, key=lambda index: str(index.name)):
        options = each.dialect_options["postgresql"]
        where = options.get("where")
        rest = [
            f"{name}={options[name]!r}"
            for name in ("using", "ops", "include")
            if options.get(name) and options[name] != "btree"
        ]
        nulls = options.get("nulls_not_distinct")
        rest += [f"nulls_not_distinct={nulls}"] if nulls else []
        kind = "unique index" if each.unique else "index"
        yield Served(
            kind=kind,
            name=str(each.name),
            columns=_elements(each),
            unique=bool(each.unique),
            where="" if where is None else compiled(where),
            rest=tuple(rest),
            flagged=each._column_flag,
        )


def _elements(index: Index) -> tuple[str, ...]:
    return tuple(
        each.name if isinstance(each, Column) else compiled(each) for each in index.expressions
    )


def finds(index: Served, columns: tuple[str, ...]) -> bool:
    """Whether rows are found by these columns: they come first, and no row with them is left out.

    An index of the rows where one of them is set is as good: no other row can refer to anything.
    """
    head = index.columns[: len(columns)]
    plain = not any(each.startswith(("using", "ops")) for each in index.rest)
    whole = not index.where or any(
        f"{name} is not null" in index.where.lower().replace('"', "") for name in columns
    )
    return plain and {*head} == {*columns} and whole
