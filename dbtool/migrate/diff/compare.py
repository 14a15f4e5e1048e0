"""The differences of one context of env.py: models built in scratch against a database."""

from collections.abc import Iterable
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext

from dbtool.catalog import Catalog
from dbtool.migrate.diff import tables, types
from dbtool.migrate.diff.build import Built
from dbtool.migrate.diff.scope import Scope
from dbtool.migrate.diff.sides import Comparison, Side
from dbtool.migrate.difference import Difference


@dataclass(frozen=True, slots=True)
class Found:
    """What differs, in an order in which the operations can run one after the other.

    `suspect` are qualified names of tables the models describe and scratch could not build:
    nothing is said of them here.
    """

    differences: tuple[Difference, ...]
    suspect: frozenset[str]


def compare(context: MigrationContext, built: Built, live: Catalog) -> Found:
    """Compare both sides; nothing is connected to."""
    said = Comparison(Scope(context), Side(built.catalog), Side(live))
    types.schemas(said)
    tables.compare(said, built.suspect)
    types.labels(said)
    types.domains(said)
    types.sequences(said)
    ordered = sorted(said.found, key=lambda each: each[0])
    return Found(tuple(each for _, each in ordered), built.suspect)


def partitions(context: MigrationContext, live: Catalog) -> Iterable[str]:
    """Partitions no model names, of modelled tables: they may come and go by themselves."""
    scope = Scope(context)
    for table in live.tables:
        parent = table.parent
        if parent is None or (table.schema, table.name) in scope.tables:
            continue
        if (parent.schema, parent.name) in scope.tables:
            yield scope.shown((table.schema, table.name))
