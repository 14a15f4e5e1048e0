"""The types of columns as PostgreSQL gets them."""

from sqlalchemy import Column, types
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeDecorator, TypeEngine

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def real(column: Column[object]) -> TypeEngine[object]:
    """The type below every decorator and variant."""
    found: TypeEngine[object] = column.type
    while True:
        below = found.dialect_impl(_DIALECT)
        if not isinstance(below, TypeDecorator):
            return below
        found = below.impl_instance


def ddl(column: Column[object]) -> str:
    """The type as CREATE TABLE says it; "" where it cannot be said."""
    try:
        return column.type.compile(dialect=_DIALECT)
    except (SQLAlchemyError, NotImplementedError):
        return ""


def compiled(expression: object) -> str:
    """An expression of an index or a default as SQL; its name where it cannot be compiled."""
    try:
        return str(expression.compile(dialect=_DIALECT))  # type: ignore[attr-defined]
    except (SQLAlchemyError, NotImplementedError, AttributeError):
        return repr(expression)


def is_integer(column: Column[object]) -> bool:
    """Whether it is an integer of some size."""
    return isinstance(real(column), types.Integer)


def enum_of(column: Column[object]) -> types.Enum | None:
    """The enumeration of a column or of the elements of its array, as it was declared."""
    found: object = column.type
    while not isinstance(found, types.Enum):
        if isinstance(found, TypeDecorator):
            found = found.impl_instance
        elif isinstance(found, types.ARRAY):
            found = found.item_type
        else:
            return None
    return found
