"""A foreign key of a model has no index on its columns.

Why: whenever a row of the other table is deleted, or its key changes, the server looks for the
rows that refer to it. Without an index it reads the whole referring table for each of them.
Loading a relationship from the other side does the same. PostgreSQL makes an index for the key
that is referred to, never for the columns that refer.

When: no index, unique constraint or primary key of the model begins with the columns. Only a
note: a table that nobody deletes from needs none, and one whose key is a word is taken for a
list of kinds, which is such a table.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)

class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id", name="books_author"))
```

Good:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)

class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(
        ForeignKey("authors.id", name="books_author"), index=True
    )
```
"""

from collections.abc import Iterator

from sqlalchemy import ForeignKeyConstraint, types

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_indexes import finds, serving
from dbtool.migrate.model_keys import foreign_keys
from dbtool.migrate.model_types import real

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report foreign keys that no index of the model serves."""
    for table in declared.tables:
        served = serving(table)
        for key in foreign_keys(table):
            columns = tuple(column.name for column in key.columns)
            if not any(finds(each, columns) for each in served) and not _is_kind(key):
                many = len(columns) > 1
                place = (
                    declared.of_table(table)
                    if many
                    else declared.of_column(next(iter(key.columns)))
                )
                yield _finding(key, place, columns)


def _is_kind(key: ForeignKeyConstraint) -> bool:
    """Whether it refers to a list of kinds by their names."""
    referred = [each.column for each in key.elements]
    if len(referred) != 1 or not referred[0].primary_key:
        return False
    kind = real(referred[0])
    looks_like_id = referred[0].name in ("id", "uuid") or referred[0].name.endswith("_id")
    return isinstance(kind, types.Enum) or (isinstance(kind, types.String) and not looks_like_id)


def _finding(key: ForeignKeyConstraint, place: Place, columns: tuple[str, ...]) -> Finding:
    code = None
    if len(columns) > 1:
        names = ", ".join(f'"{each}"' for each in columns)
        code = f'Index("ix_{key.table.name}_{"_".join(columns)}", {names})'
    elif place.written is not None:
        code = place.written.with_keyword("index", "True")
    label = "in __table_args__" if len(columns) > 1 else "find the referring rows by an index"
    what = place.name if len(columns) == 1 else f"{place.name} ({', '.join(columns)})"
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{what}: no index on a foreign key to {key.referred_table.fullname}",
        certainty=Certainty.DECLARED,
        evidence=(
            f"each row deleted from {key.referred_table.fullname} reads all of "
            f"{key.table.fullname}",
        ),
        location=place.location,
        fix=Fix("python", code, label) if code else None,
    )
