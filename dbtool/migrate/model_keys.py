"""The foreign keys of a table, as far as the models know both ends, and what deleting does."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import RelationshipDirection, RelationshipProperty


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


@dataclass(frozen=True, slots=True)
class Children:
    """What happens to the children of a relationship when the one they belong to is deleted.

    `deleted` says that SQLAlchemy deletes them, `passive` that it leaves it to the server.
    """

    key: Column[object]
    ondelete: str
    nullable: bool
    deleted: bool
    passive: bool

    @property
    def column(self) -> str:
        """The column that refers, with its table."""
        return f"{self.key.table.fullname}.{self.key.name}"


def children(of: "RelationshipProperty[object]") -> Children | None:
    """The children of a relationship; None for one that is not from one to its children."""
    if of.direction is not RelationshipDirection.ONETOMANY or of.viewonly:
        return None
    referring = [child for _, child in of.synchronize_pairs]
    keys = [key for column in referring for key in column.foreign_keys]
    if not keys or not isinstance(referring[0], Column):
        return None
    pairs: set[tuple[object, object]] = {(parent, child) for parent, child in of.synchronize_pairs}
    own = [key for key in keys if _leads(key, pairs)] or keys
    return Children(
        key=referring[0],
        ondelete=(own[0].ondelete or "").upper(),
        nullable=all(bool(each.nullable) for each in referring if isinstance(each, Column)),
        deleted="delete" in of.cascade,
        passive=bool(of.passive_deletes),
    )


def _leads(key: ForeignKey, pairs: set[tuple[object, object]]) -> bool:
    try:
        return (key.column, key.parent) in pairs
    except SQLAlchemyError:
        return False
