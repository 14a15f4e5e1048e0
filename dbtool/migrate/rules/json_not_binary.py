"""A column is JSON where PostgreSQL has JSONB.

Why: `json` keeps the text as it came. It has no equality, so DISTINCT, GROUP BY and UNION over the
row fail, no index can search it, and every access parses the text again. `jsonb` does all of it.

When: a column of a model is of type JSON, and no variant makes it JSONB for PostgreSQL. A note;
a warning where an index is on it, which PostgreSQL refuses.

Bad:
```python
from sqlalchemy import JSON
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    payload: Mapped[dict[str, str]] = mapped_column(JSON)
```

Good:
```python
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    payload: Mapped[dict[str, str]] = mapped_column(JSONB)
```
"""

from collections.abc import Iterator

from sqlalchemy import Column, types
from sqlalchemy.dialects.postgresql import JSONB

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_indexes import serving
from dbtool.migrate.model_types import real

NAME = rule_name(__name__)


def check(declared: Declared) -> Iterator[Finding]:
    """Report columns that keep JSON as text."""
    for table in declared.tables:
        indexed = {name for each in serving(table) for name in each.columns}
        for column in table.columns:
            if _is_text(column):
                place, kind = declared.of_column(column), type(column.type).__name__
                yield _finding(place, kind, indexed=column.name in indexed)


def _is_text(column: Column[object]) -> bool:
    kind = real(column)
    return isinstance(kind, types.JSON) and not isinstance(kind, JSONB)


def _finding(place: Place, kind: str, *, indexed: bool) -> Finding:
    reason = "DISTINCT, GROUP BY and UNION over the column fail"
    if indexed:
        reason = "it is indexed, and json has no operator class for that"
    return Finding(
        rule=NAME,
        severity=Severity.WARNING if indexed else Severity.NOTE,
        title=f"{place.name} is json, which has no equality and no index",
        certainty=Certainty.DECLARED,
        evidence=(reason,),
        location=place.location,
        fix=place.fix(_corrected(place, kind), "from sqlalchemy.dialects.postgresql import JSONB"),
    )


def _corrected(place: Place, kind: str) -> str | None:
    if (written := place.written) is None:
        return None
    found = written.named(kind)
    arguments = written.source(found).partition("(")[2].removesuffix(")") if found else ""
    return written.with_type(kind, f"JSONB({arguments})" if arguments else "JSONB")
