"""A server default is the name of a function in quotes, and not its call.

Why: a plain string given as `server_default` becomes a quoted literal. `server_default="now()"` is
`DEFAULT 'now()'`, which PostgreSQL evaluates once, when the table is made: every row gets that
moment. For a uuid the statement fails, and a text column gets the letters. `text("now()")` or
`func.now()` is the call.

When: the string reads as a call or as one of the words of SQL for the current time.

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
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default="now()")
```

Good:
```python
from datetime import datetime
from sqlalchemy import DateTime, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=text("now()"))
```
"""

import re
from collections.abc import Iterator

from sqlalchemy import Column, DefaultClause, types

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_types import real

NAME = rule_name(__name__)
_CALL = re.compile(r"[a-z_][a-z_0-9.]*\(.*\)", re.IGNORECASE)
_WORDS = re.compile(r"current_(timestamp|date|time|user)|localtime(stamp)?", re.IGNORECASE)
_KNOWN = re.compile(r"(now|gen_random_uuid|uuid_generate_v\d|clock_timestamp|nextval)\(", re.I)


def check(declared: Declared) -> Iterator[Finding]:
    """Report calls in quotes."""
    for table in declared.tables:
        for column in table.columns:
            if said := _quoted(column):
                yield _finding(declared.of_column(column), said)


def _quoted(column: Column[object]) -> str:
    default = column.server_default
    said = default.arg if isinstance(default, DefaultClause) else None
    if not isinstance(said, str):
        return ""
    if isinstance(real(column), types.String) and not _KNOWN.match(said):
        return ""
    return said if _CALL.fullmatch(said) or _WORDS.fullmatch(said) else ""


def _finding(place: Place, said: str) -> Finding:
    code, written = None, place.written
    if written is not None and (given := written.argument("server_default")) is not None:
        code = written.replaced(given, f"text({written.source(given)})")
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name}: the default is the text '{said}', not what it returns",
        certainty=Certainty.DECLARED,
        evidence=(f"the column gets DEFAULT '{said}', with the quotes",),
        location=place.location,
        fix=place.fix(code, "as SQL"),
    )
