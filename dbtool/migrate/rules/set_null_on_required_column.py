"""A foreign key says ON DELETE SET NULL, and its column cannot be null.

Why: deleting the row it refers to makes PostgreSQL set the column to NULL, which NOT NULL refuses:
the delete fails, with an error that names a table nobody touched.

When: a foreign key has `ondelete="SET NULL"` and one of its columns is not nullable.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
```

Good:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="SET NULL"), index=True
    )
```
"""

import ast
from collections.abc import Iterator

from sqlalchemy import ForeignKeyConstraint

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_keys import foreign_keys
from dbtool.migrate.written import Written

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report keys that can never be emptied."""
    for table in declared.tables:
        for key in foreign_keys(table):
            if (key.ondelete or "").upper() == "SET NULL":
                for column in key.columns:
                    if not column.nullable:
                        yield _finding(declared.of_column(column), key)


def _finding(place: Place, key: ForeignKeyConstraint) -> Finding:
    other = key.referred_table.fullname
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name} is NOT NULL, and ON DELETE SET NULL would empty it",
        certainty=Certainty.DECLARED,
        evidence=(f"deleting a row of {other} that {key.table.fullname} refers to fails",),
        location=place.location,
        fix=place.fix(_corrected(place.written), "or another ondelete") if place.written else None,
    )


def _corrected(written: Written | None) -> str | None:
    """The column nullable: by its annotation, or by its keyword where that decides."""
    if written is None or not isinstance(written.tree, ast.AnnAssign):
        return written.with_keyword("nullable", "True") if written is not None else None
    annotation = written.tree.annotation
    inner = annotation.slice if isinstance(annotation, ast.Subscript) else annotation
    is_mapped = written.source(annotation).partition("[")[0].endswith("Mapped")
    named = inner if is_mapped else annotation
    said = written.source(named)
    if written.argument("nullable") is not None or "None" in said or "Optional" in said:
        return written.with_keyword("nullable", "True")
    return written.replaced(named, f"{said} | None")
