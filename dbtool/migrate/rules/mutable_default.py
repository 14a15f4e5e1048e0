"""A column's default is one list or dict that all rows share.

Why: `default=[]` is evaluated once. The object that a flush puts into a row is that very list, so
appending to one row's list changes the default of every row that comes later in the process. A
function, `default=list`, makes a new one each time.

When: the default of a column is a list, dict or set. Fields of SQLModel are left alone: pydantic
copies their defaults.

Bad:
```python
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    options: Mapped[dict[str, str]] = mapped_column(JSONB, default={})
```

Good:
```python
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    options: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
```
"""

import ast
from collections.abc import Iterator

from sqlalchemy import Column, Table
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report defaults that all rows share."""
    for table in declared.tables:
        for column in table.columns if not _is_pydantic(declared, table) else ():
            if (value := _shared(column)) is not None:
                yield _finding(declared.of_column(column), value)


def _is_pydantic(declared: Declared, table: Table) -> bool:
    return any(hasattr(each.class_, "model_fields") for each in declared.mappers(table))


def _shared(column: Column[object]) -> object:
    default = column.default
    value = default.arg if isinstance(default, ScalarElementColumnDefault) else None
    return value if isinstance(value, list | dict | set) else None


def _finding(place: Place, value: object) -> Finding:
    kind, code = type(value).__name__, None
    if place.written is not None and (given := place.written.argument("default")) is not None:
        source = place.written.source(given)
        anew = source if isinstance(given, ast.List | ast.Dict | ast.Set) else f"{kind}({source})"
        empty = not value and anew is source
        code = place.written.replaced(given, kind if empty else f"lambda: {anew}")
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name}: all rows share one {kind} as their default",
        certainty=Certainty.DECLARED,
        evidence=("what is put into one row's is in the default of every later one",),
        location=place.location,
        fix=place.fix(code, "a new one for each row"),
    )
