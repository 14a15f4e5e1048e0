"""Constraints have no names, and the metadata has no convention to give them any.

Why: PostgreSQL makes up the names of unnamed constraints, and no revision knows them: what
autogenerate writes to take one away again is `op.drop_constraint(None, ...)`, which fails. With
a naming convention every constraint has the same name in the models, in the revisions and in
every database.

When: a metadata has foreign keys, unique or check constraints without a name, and no
`naming_convention` for their kind. Databases that exist keep the names they have: put the
convention in before the first revision, or rename with ALTER TABLE ... RENAME CONSTRAINT.

Bad:
```python
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
```

Good:
```python
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
```
"""

from collections.abc import Iterator

from sqlalchemy import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    MetaData,
    Table,
    UniqueConstraint,
)

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place
from dbtool.report import counted, listed

NAME = rule_name(__name__)
_KINDS: tuple[tuple[type[Constraint], str], ...] = (
    (ForeignKeyConstraint, "fk"),
    (UniqueConstraint, "uq"),
    (CheckConstraint, "ck"),
)
_CONVENTION = """\
{
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}"""


def check(declared: Declared) -> Iterator[Finding]:
    """Report each metadata whose constraints nobody names."""
    tables = tuple(declared.tables)
    for metadata in declared.models.metadatas:
        unnamed = [
            (table, each)
            for table in tables
            if table.metadata is metadata
            for each in table.constraints
            if _is_unnamed(metadata, each)
        ]
        if unnamed:
            yield _finding(declared.of_metadata(metadata), unnamed)


def _is_unnamed(metadata: MetaData, constraint: Constraint) -> bool:
    convention = metadata.naming_convention
    for kind, short in _KINDS:
        if isinstance(constraint, kind):
            return not constraint.name and not {short, kind} & {*convention}
    return False


def _finding(base: Place, unnamed: list[tuple[Table, Constraint]]) -> Finding:
    tables = [*dict.fromkeys(table.fullname for table, _ in unnamed)]
    many = "constraint has" if len(unnamed) == 1 else "constraints have"
    by_assignment = base.written is None or base.name == "metadata"
    code = f"{base.name}.metadata.naming_convention = {_CONVENTION}"
    if not by_assignment:
        code = f"metadata = MetaData(\n    naming_convention={_indented()}\n)"
    elif base.name == "metadata":
        code = f"metadata = MetaData(naming_convention={_CONVENTION})"
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{base.name}: {len(unnamed):,} {many} no name, and no convention gives any",
        certainty=Certainty.DECLARED,
        evidence=(
            f"in {counted(len(tables), 'table')}: {listed(sorted(tables))}",
            "a revision can only drop them by names it does not know",
        ),
        location=base.location,
        fix=base.fix(code, f"in {base.name}" if not by_assignment else "before the first model"),
    )


def _indented() -> str:
    return _CONVENTION.replace("\n", "\n    ")
