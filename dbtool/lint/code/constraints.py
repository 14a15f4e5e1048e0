"""Alembic code about constraints."""

import re
from collections.abc import Iterable, Iterator

from dbtool.lint.code.calls import autocommit, call, chain, execute, final, sql_name, string
from dbtool.lint.code.columns import not_null_steps, validate, within
from dbtool.lint.code.indexes import index_call
from dbtool.lint.code.statements import Keyed, not_valid, with_argument
from dbtool.lint.schema import Constraint, Holds, Index, Name, Table
from dbtool.statement import Statement

_ADDS = ("op.create_foreign_key", "op.create_check_constraint")
_WITHOUT_NAME = re.compile(r"\A(op\.\w+\(\s*)None\b")
_WORDS = {Holds.UNIQUE: "UNIQUE", Holds.PRIMARY_KEY: "PRIMARY KEY"}


def not_valid_chain(table: Name, constraint: str, statement: Statement, step: int) -> str:
    """Add a constraint for new rows at once, and look at the old ones in the next revision."""
    source, operation = statement.source, statement.operation
    own = with_argument(source, operation, "postgresql_not_valid=True", *_ADDS)
    if own is not None:
        own = _WITHOUT_NAME.sub(lambda found: f"{found[1]}{string(constraint)}", own)
    return chain(
        own or execute(not_valid(statement.sql, step, constraint)),
        validate(table, constraint),
    )


def add_check(table: Name, name: str, condition: str) -> str:
    """A check that looks at new rows only."""
    return call(
        "create_check_constraint",
        final(name),
        string(table.name),
        string(condition),
        "postgresql_not_valid=True",
        *within(table),
    )


def index_chain(
    table: Name, constraint: Constraint, said: Keyed, nullable: Iterable[str] = ()
) -> str:
    """Build the index while writes go on, then make the constraint of it.

    `nullable` are columns of a primary key that have to become NOT NULL before.
    """
    index = Index(
        name=constraint.name,
        table=table,
        columns=constraint.columns,
        include=constraint.include,
        unique=True,
    )
    proofs = [step for column in nullable for step in not_null_steps(table, column)]
    built = autocommit(index_call(index, *_options(said), "postgresql_concurrently=True"))
    return chain(
        *proofs, built, using_index(table, constraint.kind, index.name, index.name, said.behind)
    )


def _options(said: Keyed) -> Iterator[str]:
    """What the index is to have of what was said of the constraint."""
    if said.nulls_not_distinct:
        yield "postgresql_nulls_not_distinct=True"
    if said.storage:
        words = ", ".join(f"{string(name)}: {string(to)}" for name, to in said.storage.items())
        yield f"postgresql_with={{{words}}}"
    if said.tablespace:
        yield f"postgresql_tablespace={string(said.tablespace)}"


def using_index(table: Name, kind: Holds, name: str, index: str, behind: str = "") -> str:
    """Make a constraint of an index that exists; `behind` is when it is looked at."""
    return execute(
        f"ALTER TABLE {sql_name(table)} ADD CONSTRAINT {sql_name(name)}"
        f" {_WORDS[kind]} USING INDEX {sql_name(index)}{behind}"
    )


def partitioned_unique(
    table: Name, constraint: Constraint, partitions: Iterable[Table], *, there: bool = False
) -> str:
    """A unique index on every partition first; that of the whole is made of them.

    `there` says that the one of the whole exists already, and only lacks those.
    """
    columns = constraint.columns
    listed = ", ".join(map(sql_name, columns))
    whole = sql_name(Name(table.schema, constraint.name))
    built, attached = [], []
    for each in partitions:
        place = Name(table.schema and each.name.schema, each.name.name)
        name = f"{place.name}_{'_'.join(columns)}_key"
        index = Index(name=name, table=place, columns=columns, unique=True)
        built.append(index_call(index, "postgresql_concurrently=True"))
        part = sql_name(Name(place.schema, name))
        attached.append(execute(f"ALTER INDEX {whole} ATTACH PARTITION {part}"))
    made = f"CREATE UNIQUE INDEX {sql_name(constraint.name)} ON ONLY {sql_name(table)} ({listed})"
    first = () if there else (execute(made),)
    return chain(autocommit(*built), "\n".join((*first, *attached)))


def exclusion_chain(table: Name, constraint: str, definition: str) -> str:
    """A new table has the constraint from its first row on; the old one is copied into it."""
    beside = Name(table.schema, f"{table.name}_new")
    made = f"CREATE TABLE {sql_name(beside)} (LIKE {sql_name(table)} INCLUDING ALL)"
    added = f"ALTER TABLE {sql_name(beside)} ADD CONSTRAINT {sql_name(constraint)} {definition}"
    return chain(
        "\n".join((execute(made), execute(added))),
        f"# a trigger on {table} that writes each change to {beside} too; then copy in batches",
        "\n".join(
            (
                "# when both are equal, in one short transaction",
                _rename(table, f"{table.name}_old"),
                _rename(beside, table.name),
            )
        ),
    )


def _rename(table: Name, name: str) -> str:
    return call("rename_table", string(table.name), string(name), *within(table))


def domain_chain(
    first: str, uses: Iterable[tuple[Name, str]], constraint: str, conditions: Iterable[str]
) -> str:
    """Let the domain look at new values only, and prove the old ones table by table."""
    added, proven = [], []
    for (table, column), condition in zip(uses, conditions, strict=True):
        name = f"{table.name}_{column}_{constraint}"
        added.append(add_check(table, name, condition))
        proven.append(validate(table, name))
    return chain(*(part for part in (first, *added, *proven) if part))


def partition_keys(partitions: Iterable[tuple[Name, str]], definition: str, last: str) -> str:
    """A foreign key on each partition first; that of the whole is made of them."""
    added, proven = [], []
    for table, name in partitions:
        added.append(
            execute(
                f"ALTER TABLE {sql_name(table)} ADD CONSTRAINT {sql_name(name)}"
                f" {definition} NOT VALID"
            )
        )
        proven.append(validate(table, name))
    return chain(*added, *proven, last)
