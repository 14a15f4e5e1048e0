"""Deleting an object fails, because SQLAlchemy empties the keys of its children first.

Why: without a cascade on the relationship, `session.delete(user)` loads the children and sets
their foreign keys to NULL. Where the column is NOT NULL that fails, although the key says
ON DELETE CASCADE and the server would have deleted them. `passive_deletes=True` leaves it to the
server, and `cascade="all, delete-orphan"` has the objects in the session go with it.

When: a relationship to many has no delete in its cascade and no passive_deletes, its foreign key
says ON DELETE CASCADE and cannot be null.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship()

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
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
from dataclasses import replace

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_keys import Children, children

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report relationships through which nothing can be deleted."""
    for each in declared.relationships:
        found = children(each)
        if found is None or found.deleted or found.passive or found.nullable:
            continue
        if found.ondelete == "CASCADE":
            yield _finding(declared.of_relationship(each), found)


def _finding(place: Place, found: Children) -> Finding:
    code = None
    if (written := place.written) is not None:
        code = written.with_keyword("cascade", '"all, delete"')
        if code is not None:
            code = replace(written, text=code).with_keyword("passive_deletes", "True")
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name}: deleting the one sets {found.column} to NULL, which is NOT NULL",
        certainty=Certainty.DECLARED,
        evidence=(
            "the foreign key says ON DELETE CASCADE; the relationship does not leave it to that",
        ),
        location=place.location,
        fix=place.fix(code, "leave it to the server"),
    )
