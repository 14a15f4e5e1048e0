"""A foreign key has another type than the column it refers to.

Why: a smaller type cannot hold every key of the other table: an integer that refers to a bigint
fails at the first key above 2,147,483,647, and a shorter varchar at the first longer word. With
types that cannot be compared PostgreSQL refuses the constraint. A column with a ForeignKey and no
type of its own takes the type of the other.

When: the two types differ as CREATE TABLE would say them. A larger type is only a note.

Bad:
```python
from sqlalchemy import BigInteger, ForeignKey, Integer
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)

class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(Integer, ForeignKey("authors.id"), index=True)
```

Good:
```python
from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)

class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("authors.id"), index=True)
```
"""

from collections.abc import Iterator

from sqlalchemy import Column, types

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_keys import foreign_keys
from dbtool.migrate.model_types import ddl, real

NAME = rule_name(__name__)
_UNBOUNDED = 10**9


def check(declared: Declared) -> Iterator[Finding]:
    """Report keys that differ from what they refer to."""
    for table in declared.tables:
        for key in foreign_keys(table):
            for element in key.elements:
                mine, theirs = element.parent, element.column
                if ddl(mine) and ddl(theirs) and ddl(mine) != ddl(theirs):
                    yield _finding(declared.of_column(mine), mine, theirs)


def _holds(column: Column[object]) -> tuple[str, int] | None:
    """A kind of type and how much it holds; None for what is neither integer nor text."""
    match real(column):
        case types.SmallInteger():
            return "integer", 2
        case types.BigInteger():
            return "integer", 8
        case types.Integer():
            return "integer", 4
        case types.Enum():
            return None
        case types.String(length=length):
            return "text", length or _UNBOUNDED
    return None


def _finding(place: Place, mine: Column[object], theirs: Column[object]) -> Finding:
    held, needed = _holds(mine), _holds(theirs)
    other = f"{theirs.table.fullname}.{theirs.name}"
    severity, why = Severity.WARNING, "PostgreSQL may refuse to compare the two"
    if held is not None and needed is not None and held[0] == needed[0]:
        why = f"it cannot hold every value of {other}"
        if held[1] >= needed[1]:
            severity, why = Severity.NOTE, f"it holds what {other} never has"
    return Finding(
        rule=NAME,
        severity=severity,
        title=f"{place.name} is {_word(mine)}, and {other} is {_word(theirs)}",
        certainty=Certainty.DECLARED,
        evidence=(why,),
        location=place.location,
        fix=place.fix(_corrected(place, mine, theirs), "the type it refers to"),
    )


def _word(column: Column[object]) -> str:
    return ddl(column).lower()


def _corrected(place: Place, mine: Column[object], theirs: Column[object]) -> str | None:
    """The line with the other's type, where it says a type that can be exchanged."""
    written, wanted = place.written, repr(theirs.type).removesuffix("()")
    if written is None:
        return None
    return written.with_type(type(mine.type).__name__, wanted)
