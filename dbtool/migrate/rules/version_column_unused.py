"""A version column is there, and SQLAlchemy was not told to use it.

Why: an integer that counts the versions of a row protects from lost updates only where the mapper
knows it: `version_id_col` makes each UPDATE say which version it read and fail with StaleDataError
where somebody was faster. Without that the column is a number that nobody looks at.

When: a class has a NOT NULL integer column with the default 0 or 1, called version_id,
row_version, lock_version or version, in no key or index, and no class mapped to the table has a
`version_id_col`. Only a note: it may be the version of something else.

Bad:
```python
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(default=1)
```

Good:
```python
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version_id}
```
"""

from collections.abc import Iterator

from sqlalchemy import Column, DefaultClause, Table
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.migrate.model_indexes import serving
from dbtool.migrate.model_types import compiled, is_integer

NAME = rule_name(__name__)
_NAMES = frozenset({"version", "version_id", "row_version", "lock_version"})


def check(declared: Declared) -> Iterator[Finding]:
    """Report version columns of mapped classes that no mapper uses."""
    for table in declared.tables:
        mappers = declared.mappers(table)
        if mappers and all(each.version_id_col is None for each in mappers):
            for column in _counters(table):
                yield _finding(declared.of_column(column))


def _counters(table: Table) -> Iterator[Column[object]]:
    indexed = {name for each in serving(table) for name in each.columns}
    for column in table.columns:
        fits = column.name in _NAMES and is_integer(column) and not column.nullable
        if fits and column.name not in indexed and _begins(column) and not column.foreign_keys:
            yield column


def _begins(column: Column[object]) -> bool:
    """Whether it begins with 0 or 1."""
    client, server = column.default, column.server_default
    if isinstance(client, ScalarElementColumnDefault):
        return client.arg in (0, 1)
    said = server.arg if isinstance(server, DefaultClause) else None
    return said is not None and (said if isinstance(said, str) else compiled(said)) in ("0", "1")


def _finding(place: Place) -> Finding:
    attribute = place.name.rpartition(".")[2]
    code = f'__mapper_args__ = {{"version_id_col": {attribute}}}'
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{place.name} counts versions, and no mapper checks them",
        certainty=Certainty.HEURISTIC,
        evidence=("two sessions that change the same row overwrite each other unseen",),
        location=place.location,
        fix=place.fix(code, "below the column, if it is for that"),
    )
