"""SQLAlchemy deletes the children one by one that the server would delete by itself.

Why: with `cascade="all, delete-orphan"` and no `passive_deletes`, deleting one object first loads
all its children, and theirs, and deletes each. The foreign key says ON DELETE CASCADE: the server
does the same without sending a row. `passive_deletes=True` tells SQLAlchemy so.

When: a relationship deletes its children, its foreign key says ON DELETE CASCADE, and
passive_deletes is not set. Only a note: with few children nobody notices, and events on deleted
objects only come for those that are loaded.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship(cascade="all, delete-orphan")

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
    orders: Mapped[list["Order"]] = relationship(
        cascade="all, delete-orphan", passive_deletes=True
    )

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_keys import children

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report cascades that are done twice."""
    for each in declared.relationships:
        found = children(each)
        if found is None or found.passive or not each.uselist:
            continue
        if found.deleted and found.ondelete == "CASCADE":
            yield _finding(declared.of_relationship(each), found.column)


def _finding(place: Place, column: str) -> Finding:
    written = place.written
    code = written.with_keyword("passive_deletes", "True") if written is not None else None
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{place.name}: children are loaded and deleted one by one",
        certainty=Certainty.DECLARED,
        evidence=(f"the foreign key of {column} says ON DELETE CASCADE: the server does it",),
        location=place.location,
        fix=place.fix(code, "leave it to the server"),
    )
