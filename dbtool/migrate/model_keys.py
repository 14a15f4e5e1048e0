"""The foreign keys of a table, as far as the models know both ends."""

from collections.abc import Iterator

from sqlalchemy import ForeignKeyConstraint, Table
from sqlalchemy.exc import SQLAlchemyError


def foreign_keys(table: Table) -> Iterator[ForeignKeyConstraint]:
    """Those whose other table and columns are in the models, in the order of their columns."""
    order = {column.name: place for place, column in enumerate(table.columns)}
    known = [each for each in table.foreign_key_constraints if _is_known(each)]
    yield from sorted(known, key=lambda key: [order[column.name] for column in key.columns])


def _is_known(key: ForeignKeyConstraint) -> bool:
    try:
        return all(each.column is not None for each in key.elements)
    except SQLAlchemyError:
        return False
