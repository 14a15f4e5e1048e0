"""An enumeration has no name, and PostgreSQL needs one.

Why: an Enum of plain words becomes a type of its own, and CREATE TYPE needs a name: creating the
table fails with "PostgreSQL ENUM type requires a name". An Enum of a Python class takes the name
of the class.

When: a column, or the elements of an array, are a native Enum without a name.

Bad:
```python
from sqlalchemy import Enum
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Task(Base):
    __tablename__ = "tasks"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(Enum("open", "done"))
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
    state: Mapped[str] = mapped_column(Enum("open", "done", name="task_state"))
```
"""

import ast
import re
from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_types import enum_of

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report enumerations without a name."""
    for table in declared.tables:
        for column in table.columns:
            found = enum_of(column)
            if found is not None and found.native_enum and not found.name:
                name = f"{_singular(declared.name(table))}_{column.name}"
                yield _finding(declared.of_column(column), name)


def _singular(owner: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", owner).lower()


def _finding(place: Place, name: str) -> Finding:
    code, written = None, place.written
    if written is not None:
        found = written.named("Enum", "ENUM")
        if isinstance(found, ast.Call):
            begun = written.source(found).removesuffix(")").rstrip(", \n")
            code = written.replaced(found, f'{begun}, name="{name}")')
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name}: the enumeration has no name",
        certainty=Certainty.DECLARED,
        evidence=("creating the table fails: PostgreSQL ENUM type requires a name",),
        location=place.location,
        fix=place.fix(code, "CREATE TYPE needs one"),
    )
