"""The mapped classes cannot be put together.

Why: SQLAlchemy puts the relationships of all classes together at the first use of any of them.
Where one cannot be resolved, every query of the application fails, and the error comes up in
whatever code runs first.

When: configuring the mappers, as the first query would, raises an error. Where a class is not
found by its name, its module may not be imported by what the settings name as the models.
Relationships are not judged then.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    lines = relationship("OrderLin")
```

Good:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    lines = relationship("OrderLine")

class OrderLine(Base):
    __tablename__ = "order_lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report what SQLAlchemy says of the classes."""
    if declared.trouble:
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title="the mapped classes cannot be put together; the first query would fail",
            certainty=Certainty.MEASURED,
            evidence=(declared.trouble, "does what the settings name import all of the models?"),
        )
