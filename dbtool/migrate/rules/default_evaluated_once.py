"""A default is called when the module is imported, and every row gets that one value.

Why: `default=datetime.now(UTC)` is the moment the process began, not the moment of the row, and
`default=uuid4()` is the same identifier for every row, which a primary key or unique constraint
refuses at the second. Without the parentheses, or behind a `lambda`, it is called for each row.

When: the default of a column is a call of now, utcnow, today, uuid1 or uuid4 (or the like) in the
file, and a fixed value in the model.

Bad:
```python
from uuid import UUID, uuid4
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Token(Base):
    __tablename__ = "tokens"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4())
```

Good:
```python
from uuid import UUID, uuid4
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Token(Base):
    __tablename__ = "tokens"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
```
"""

import ast
from collections.abc import Iterator

from sqlalchemy.sql.schema import ScalarElementColumnDefault

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.written import Written, last_name

NAME = rule_name(__name__)
_CALLS = frozenset(
    {"now", "utcnow", "today", "time", "uuid1", "uuid4", "uuid7", "token_hex", "token_urlsafe"}
)


def check(declared: Declared) -> Iterator[Finding]:
    """Report defaults that were called too early."""
    for table in declared.tables:
        for column in table.columns:
            for keyword, default in (("default", column.default), ("onupdate", column.onupdate)):
                if not isinstance(default, ScalarElementColumnDefault):
                    continue
                place = declared.of_column(column)
                call = _called(place.written, keyword)
                if place.written is not None and call is not None:
                    yield _finding(place, place.written, keyword, call)


def _called(written: Written | None, keyword: str) -> ast.Call | None:
    given = written.argument(keyword) if written is not None else None
    if given is None and written is not None and isinstance(written.tree, ast.AnnAssign):
        given = written.tree.value if keyword == "default" else None
    is_early = isinstance(given, ast.Call) and last_name(given.func) in _CALLS
    return given if is_early and isinstance(given, ast.Call) else None


def _finding(place: Place, written: Written, keyword: str, call: ast.Call) -> Finding:
    early = written.source(call)
    later = f"lambda: {early}" if call.args or call.keywords else written.source(call.func)
    if written.made_by == "Field" and keyword == "default" and written.call is not None:
        whole = next(each for each in written.call.keywords if each.value is call)
        code = written.replaced(whole, f"default_factory={later}")
    elif written.made_by:
        code = written.replaced(call, later)
    else:
        code = written.replaced(call, f"Field(default_factory={later})")
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name}: {keyword} {early} is one value for all rows",
        certainty=Certainty.DECLARED,
        evidence=("it is called when the module is imported, and not for each row",),
        location=place.location,
        fix=place.fix(code, "call it for each row"),
    )
