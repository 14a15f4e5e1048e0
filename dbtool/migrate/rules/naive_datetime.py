"""A column keeps a date and time without its time zone.

Why: `timestamp without time zone` keeps what a clock showed and forgets where. Two servers, a
daylight saving change or one `datetime.now()` too many, and nobody can say when it was. asyncpg
refuses to mix the two kinds: a value with a time zone cannot be written to such a column.
`timestamp with time zone` takes no more space: it keeps a moment.

When: a model has a column of type DateTime or TIMESTAMP without `timezone=True`; a TypeDecorator
may see to it and is left alone. Where classes only say `Mapped[datetime]`, the base class decides
for all of them, and is what the finding names.

Bad:
```python
from datetime import datetime
from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column(DateTime())
```

Good:
```python
from datetime import datetime
from sqlalchemy import DateTime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}

class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column()
```
"""

import ast
from collections.abc import Iterator

from sqlalchemy import Column, MetaData, types

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_types import real
from dbtool.migrate.written import Written
from dbtool.report import counted, listed

NAME = rule_name(__name__)
_TYPES = ("DateTime", "TIMESTAMP")
_FOR_ALL = "type_annotation_map = {datetime: DateTime(timezone=True)}"
_WHY = "it keeps what a clock showed, not when it was: the time zone is not kept"


def check(declared: Declared) -> Iterator[Finding]:
    """Report columns without a time zone, those of annotations alone at their base class."""
    by_annotation: dict[MetaData, list[Place]] = {}
    for table in declared.tables:
        for column in table.columns:
            if not _is_naive(column):
                continue
            place = declared.of_column(column)
            if _is_annotation(place.written):
                by_annotation.setdefault(table.metadata, []).append(place)
            else:
                yield _finding(place)
    for metadata, places in by_annotation.items():
        yield _of_base(declared.of_base(metadata), places)


def _is_naive(column: Column[object]) -> bool:
    """Whether a value with a time zone loses it; a type of the team's own may see to that."""
    if isinstance(column.type, types.TypeDecorator):
        return False
    kind = real(column)
    return isinstance(kind, types.DateTime) and not kind.timezone


def _is_annotation(written: Written | None) -> bool:
    """Whether the type comes from `Mapped[datetime]` and the map of the base class."""
    if written is None or "Mapped[" not in written.text:
        return False
    call = written.call
    return call is None or (not call.args and written.argument("type_") is None)


def _finding(place: Place) -> Finding:
    code = _corrected(place.written)
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name} is a timestamp without time zone",
        certainty=Certainty.DECLARED,
        evidence=(_WHY,),
        location=place.location,
        fix=Fix("python", code, "keep the moment") if code else None,
    )


def _corrected(written: Written | None) -> str | None:
    if written is None:
        return None
    found = written.named(*_TYPES)
    if isinstance(found, ast.Call):
        inner = Written(written.file, written.line, written.source(found))
        rest = inner.text.removesuffix(")").rstrip(", ").replace("timezone=False", "")
        joint = "" if rest.endswith("(") else ", "
        return written.replaced(found, f"{rest}{joint}timezone=True)")
    if found is not None:
        return written.replaced(found, f"{written.source(found)}(timezone=True)")
    return written.with_type("DateTime", "DateTime(timezone=True)")


def _of_base(base: Place, places: list[Place]) -> Finding:
    many = len(places) > 1
    title = f"{counted(len(places), 'column')} {'are timestamps' if many else 'is a timestamp'}"
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{base.name}: {title} without time zone",
        certainty=Certainty.DECLARED,
        evidence=(_WHY, f"Mapped[datetime] means that here: {listed([p.name for p in places])}"),
        location=base.location,
        fix=Fix("python", _FOR_ALL, f"in {base.name}, for all of them"),
    )
