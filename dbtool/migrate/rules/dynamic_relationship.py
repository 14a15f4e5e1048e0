"""A relationship is loaded by the legacy `lazy="dynamic"`.

Why: a dynamic relationship works through the old Query object: it is legacy in SQLAlchemy 2.0, has
no typing, and cannot be used with AsyncSession at all. `lazy="write_only"` is its successor: it
never loads the collection by accident either, and gives a `select()` to go on with.

When: a relationship is declared with lazy "dynamic". Its users change with it:
`user.orders.filter(x)` becomes `session.scalars(user.orders.select().where(x))`.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders = relationship("Order", lazy="dynamic")

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
    orders = relationship("Order", lazy="write_only")

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report dynamic relationships."""
    for each in declared.relationships:
        if each.lazy == "dynamic":
            yield _finding(declared.of_relationship(each))


def _finding(place: Place) -> Finding:
    code = place.written.with_keyword("lazy", '"write_only"') if place.written else None
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f'{place.name}: lazy="dynamic" is legacy, and AsyncSession cannot use it',
        certainty=Certainty.DECLARED,
        location=place.location,
        fix=place.fix(code and code.replace("DynamicMapped[", "WriteOnlyMapped["), "its successor"),
    )
