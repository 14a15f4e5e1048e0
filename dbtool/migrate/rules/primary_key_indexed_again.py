"""A primary key has a second index on the same columns.

Why: a primary key is an index already. `index=True` or `unique=True` beside `primary_key=True`
makes another one of the same columns: it takes as much space, is written with every row, and is
never needed.

When: an index or unique constraint of a model has exactly the columns of the primary key, in the
same order, for all rows.

Bad:
```python
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True, index=True)
```

Good:
```python
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_indexes import Served, serving

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report what is indexed as the primary key is."""
    for table in declared.tables:
        served = serving(table)
        primary = next((each for each in served if each.kind == "primary key"), None)
        for each in served if primary is not None else ():
            if primary is not None and each is not primary and each.same_as(primary):
                columns = [table.columns[name] for name in each.columns]
                place = declared.of_column(columns[0])
                if len(columns) > 1:
                    place = declared.of_table(table)
                yield _finding(each, place)


def _finding(index: Served, place: Place) -> Finding:
    code = None
    if place.written is not None and index.flagged:
        code = place.written.without(*index.keywords)
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name} is the primary key and indexed once more",
        certainty=Certainty.DECLARED,
        evidence=(f"{index.shown} has the columns of the primary key",),
        location=place.location,
        fix=Fix("python", code, "the primary key is an index") if code else None,
    )
