"""Rows are only marked as deleted, and no index of the table leaves the marked ones out.

Why: where deleting means setting `deleted_at`, a unique constraint goes on counting the deleted
rows: the same name or address cannot be used again. Indexes carry rows that no query asks for. A
partial index, with the condition every query has, is unique among the living and smaller.

When: a table has a nullable deleted_at or a boolean is_deleted, a name, slug, e-mail address or
the like is unique, and no index has a condition on the mark. Only a note: a name that must never
come back is kept unique on purpose.

Bad:
```python
from datetime import datetime
from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
```

Good:
```python
from datetime import datetime
from sqlalchemy import DateTime, Index, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Team(Base):
    __tablename__ = "teams"
    __table_args__ = (
        Index("uq_teams_name", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
```
"""

import re
from collections.abc import Iterator

from sqlalchemy import Column, Table, types

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_indexes import Served, serving
from dbtool.migrate.model_types import real
from dbtool.report import listed

NAME = rule_name(__name__)
_MARKS = frozenset({"deleted_at", "deleted_on", "is_deleted", "deleted"})
_CHOSEN = re.compile(r"(.*_)?(name|slug|email|title|login|handle|label|phone|subdomain)")
"""What people choose for a row, and will want to choose again."""


def check(declared: Declared) -> Iterator[Finding]:
    """Report tables whose unique constraints count deleted rows."""
    for table in declared.tables:
        mark = next(filter(_is_mark, table.columns), None)
        served = serving(table)
        if mark is None or any(mark.name in each.where for each in served):
            continue
        if unique := [each for each in served if _is_chosen(table, each, mark)]:
            yield _finding(declared.of_table(table), table, mark, unique)


def _is_mark(column: Column[object]) -> bool:
    kind = real(column)
    moment = isinstance(kind, types.DateTime | types.Date) and column.nullable
    return column.name in _MARKS and (moment or isinstance(kind, types.Boolean))


def _is_chosen(table: Table, index: Served, mark: Column[object]) -> bool:
    """Whether it keeps unique what people choose, deleted rows among it."""
    if not index.unique or index.kind == "primary key" or mark.name in index.columns:
        return False
    columns = [table.columns[name] for name in index.columns if name in table.columns]
    return any(
        isinstance(real(each), types.String) and _CHOSEN.fullmatch(each.name) for each in columns
    )


def _finding(place: Place, table: Table, mark: Column[object], unique: list[Served]) -> Finding:
    where = f"{mark.name} IS NULL"
    if isinstance(real(mark), types.Boolean):
        where = f"NOT {mark.name}"
    names = ", ".join(f'"{each}"' for each in unique[0].columns)
    name = f"uq_{table.name}_{'_'.join(unique[0].columns)}_live"
    code = f'Index("{name}", {names}, unique=True, postgresql_where=text("{where}"))'
    kept = [*dict.fromkeys(f"({', '.join(each.columns)})" for each in unique)]
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{place.name}: deleted rows still count as taken: {listed(kept)} unique",
        certainty=Certainty.HEURISTIC,
        evidence=(f"{mark.name} marks deleted rows, and no index of the table leaves them out",),
        location=place.location,
        fix=place.fix(code, "in __table_args__, in its place"),
    )
