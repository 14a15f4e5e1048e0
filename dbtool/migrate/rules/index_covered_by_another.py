"""An index of a model finds nothing that another one does not find as well.

Why: an index that begins with the same columns serves the same conditions. The shorter one is
written with every row, takes space and memory, and can be left out. A unique constraint and a
primary key are indexes too.

When: two indexes of a table have the same columns of the same rows, or a plain one is the
beginning of another. Only a note for a beginning: a much narrower index may be kept for its size.

Bad:
```python
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Page(Base):
    __tablename__ = "pages"
    __table_args__ = (UniqueConstraint("site", "path", name="pages_site_path"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    site: Mapped[str] = mapped_column(index=True)
    path: Mapped[str]
```

Good:
```python
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Page(Base):
    __tablename__ = "pages"
    __table_args__ = (UniqueConstraint("site", "path", name="pages_site_path"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    site: Mapped[str]
    path: Mapped[str]
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_indexes import Served, serving

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report each index that another one makes needless, once."""
    for table in declared.tables:
        served = serving(table)
        needless: list[Served] = []
        for each in reversed(served):  # rather an index than the constraint that does as much
            others = (other for other in served if other is not each and other not in needless)
            better = next((other for other in others if _covers(other, each)), None)
            if better is not None:
                needless.append(each)
                yield _finding(declared.of_index(table, each), each, better)


def _covers(better: Served, index: Served) -> bool:
    if index.kind == "primary key" or (better.kind == "primary key" and better.same_as(index)):
        return False  # what repeats the whole primary key has a rule of its own
    if better.same_as(index):
        return better.unique or not index.unique
    return not index.unique and not index.rest and index.begins(better)


def _finding(place: Place, index: Served, better: Served) -> Finding:
    same = better.same_as(index)
    code = None
    if index.flagged and place.written is not None:
        code = place.written.without(*index.keywords)
    reason = "has the same columns" if same else "begins with the same columns"
    return Finding(
        rule=NAME,
        severity=Severity.WARNING if same else Severity.NOTE,
        title=f"{place.name}: {index.shown} is covered by another",
        certainty=Certainty.DECLARED,
        evidence=(f"{better.shown} {reason}",),
        location=place.location,
        fix=place.fix(code, "without it"),
    )
