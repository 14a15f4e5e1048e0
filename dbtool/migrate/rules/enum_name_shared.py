"""Two enumerations have one name and different labels.

Why: in PostgreSQL a name is one type. Whichever table is created first makes it, and the other
column gets labels that are not its own: what the model allows fails when it is written.

When: native Enum types of one schema have the same name and not the same labels.

Bad:
```python
from sqlalchemy import Enum
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(Enum("open", "done", name="status"))

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(Enum("new", "paid", name="status"))
```

Good:
```python
from sqlalchemy import Enum
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(Enum("open", "done", name="task_status"))

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(Enum("new", "paid", name="order_status"))
```
"""

from collections.abc import Iterator

from sqlalchemy import Column, Enum

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared
from dbtool.migrate.model_types import enum_of
from dbtool.report import listed

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report the second of two enumerations of one name."""
    first: dict[tuple[object, ...], tuple[Column[object], Enum]] = {}
    for table in declared.tables:
        for column in table.columns:
            found = enum_of(column)
            if found is None or not found.native_enum or not found.name:
                continue
            key = (table.metadata, found.schema or found.metadata, found.name)
            before, enum = first.setdefault(key, (column, found))
            if {*enum.enums} != {*found.enums}:
                yield _finding(declared, column, found, before, enum)


def _finding(
    declared: Declared, column: Column[object], mine: Enum, before: Column[object], theirs: Enum
) -> Finding:
    place, other = declared.of_column(column), declared.of_column(before)
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f'{place.name}: enumeration "{mine.name}" has other labels in {other.name}',
        certainty=Certainty.DECLARED,
        evidence=(
            f"{place.name}: {listed(mine.enums, 6)}",
            f"{other.name} ({other.location}): {listed(theirs.enums, 6)}",
        ),
        location=place.location,
    )
