"""A relationship and its foreign key disagree on what deleting does to the children.

Why: with a delete cascade on the relationship and ON DELETE SET NULL on the key, the children are
deleted when the object is deleted through the session, and kept when a query or another program
deletes the row. With `passive_deletes=True` and no ON DELETE, SQLAlchemy leaves the children to
the server, and the server refuses the delete.

When: a relationship to many deletes its children and the key says SET NULL or SET DEFAULT; or it
has passive_deletes=True and the key has no ON DELETE.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship(cascade="all, delete", passive_deletes=True)

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
```

Good:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship(cascade="all, delete", passive_deletes=True)

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_keys import Children, children

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report relationships that the key contradicts."""
    for each in declared.relationships:
        found = children(each)
        if found is None:
            continue
        if found.deleted and not found.passive and found.ondelete in ("SET NULL", "SET DEFAULT"):
            why = f"the session deletes them, a query keeps them: ON DELETE {found.ondelete}"
            yield _finding(declared, declared.of_relationship(each), found, why)
        elif found.deleted and found.passive and not found.ondelete:
            why = "the children are left to the server, and the key has no ON DELETE"
            yield _finding(declared, declared.of_relationship(each), found, why)


def _finding(declared: Declared, place: Place, found: Children, why: str) -> Finding:
    key = declared.of_column(found.key)
    call = key.written.key_with_cascade() if key.written is not None else None
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name} deletes its children, and the key of {found.column} does not",
        certainty=Certainty.DECLARED,
        evidence=(why, f"the key is at {key.location}"),
        location=place.location,
        fix=key.fix(call, "the key, if the children are to go"),
    )
