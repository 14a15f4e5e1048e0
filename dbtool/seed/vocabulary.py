"""The names seed files use: tables, columns, and foreign keys as the models call them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, Table, UniqueConstraint
from sqlalchemy.orm import RelationshipDirection

from dbtool.metadata import Models
from dbtool.seed.document import Place, near, refuse


@dataclass(frozen=True, slots=True)
class Tie:
    """A foreign key: its columns, where they point, and the names files may call it by."""

    columns: tuple[str, ...]
    parent: Table
    targets: tuple[str, ...]
    names: frozenset[str]


@dataclass(frozen=True)
class Vocabulary:
    """The tables of the models, by the names people write."""

    models: Models

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return {str(table.fullname): table for table in self.models.tables}

    @cached_property
    def _ties(self) -> dict[Table, tuple[Tie, ...]]:
        return {table: tuple(self._ties_of(table)) for table in self._tables.values()}

    def names(self) -> tuple[str, ...]:
        """Every table."""
        return tuple(self._tables)

    def table(self, name: str, place: Place) -> Table:
        """The table of that name; refuses others with near names."""
        if name not in self._tables:
            refuse(place, f'no table "{name}" in the models', near(name, self._tables))
        return self._tables[name]

    def column(self, table: Table, name: str, place: Place) -> "Column[Any]":
        """The column of that name; refuses others with near names."""
        found = next((each for each in table.columns if each.name == name), None)
        if found is None:
            known = {str(each.name) for each in table.columns}
            known.update(name for tie in self.ties(table) for name in tie.names)
            refuse(place, f'no column "{name}" in {table.fullname}', near(name, known))
        return found

    def ties(self, table: Table) -> tuple[Tie, ...]:
        """The foreign keys of a table."""
        return self._ties[table]

    def tie(self, table: Table, name: str) -> Tie | None:
        """The foreign key of that name: its column, its columns with commas, or a relationship."""
        return next((tie for tie in self.ties(table) if name in tie.names), None)

    def _ties_of(self, table: Table) -> Iterator[Tie]:
        relationships = {
            frozenset(str(column.name) for column in each.local_columns): str(each.key)
            for mapper in self.models.mappers
            if mapper.local_table is table
            for each in mapper.relationships
            if each.direction is RelationshipDirection.MANYTOONE
        }
        keys = [each for each in table.constraints if isinstance(each, ForeignKeyConstraint)]
        for key in sorted(keys, key=lambda each: tuple(each.column_keys)):
            columns = tuple(str(element.parent.name) for element in key.elements)
            names = {",".join(columns), relationships.get(frozenset(columns), "")} - {""}
            yield Tie(
                columns=columns,
                parent=key.referred_table,
                targets=tuple(str(element.column.name) for element in key.elements),
                names=frozenset(names),
            )


def unique_keys(table: Table) -> tuple[tuple[str, ...], ...]:
    """The sets of columns no two rows share, as the models have them; the primary key last."""
    found = [
        tuple(str(column.name) for column in each.columns)
        for each in table.constraints
        if isinstance(each, UniqueConstraint)
    ]
    for index in table.indexes:
        plain = all(isinstance(each, Column) for each in index.expressions)
        partial = index.dialect_options["postgresql"].get("where") is not None
        if index.unique and plain and not partial:
            found.append(tuple(str(column.name) for column in index.columns))
    primary = tuple(str(column.name) for column in table.primary_key.columns)
    return (*sorted(found, key=lambda each: (len(each), each)), *((primary,) if primary else ()))
