"""What a plan begins with: tables as they stand, what the models say, the rows there already."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbtool.seed import order
from dbtool.seed.keys import Given
from dbtool.seed.live import LiveConstraint, LiveTable
from dbtool.seed.meaning import Meaning
from dbtool.seed.plan import Request, Skipped
from dbtool.seed.remedy import Remedy
from dbtool.seed.rows import NULL, Population
from dbtool.seed.subject import TIMES


@dataclass(frozen=True, slots=True)
class Found:
    """The tables to fill, what the models say about them, and the rows already there.

    `lookups` are small tables others pick from, whether or not they are filled themselves.
    `first_blocks` is where numbering begins in a table with rows; `existing` holds the rows
    of tables that are referenced but not filled, `beside` the other tables of the models.
    """

    tables: tuple[LiveTable, ...]
    meanings: Mapping[str, Meaning]
    lookups: frozenset[str] = frozenset()
    first_blocks: Mapping[str, int] = field(default_factory=dict)
    remedies: Mapping[str, tuple[Remedy, ...]] = field(default_factory=dict)
    missing: tuple[Skipped, ...] = ()
    existing: Mapping[str, Population] = field(default_factory=dict)
    beside: tuple[LiveTable, ...] = ()


def by_key(found: Found, request: Request) -> dict[str, dict[str, int]]:
    """The indices of rows that are there, by the keys that files have for them, as COPY text."""
    natural = dict(request.natural)
    indices: dict[str, dict[str, int]] = {}
    for name, population in found.existing.items():
        meaning = found.meanings.get(name)
        key = natural.get(meaning.sql_name, ()) if meaning else ()
        made = [population.generators.get(column) for column in key]
        columns = [each.values for each in made if isinstance(each, Given)]
        if columns and len(columns) == len(key):
            texts = list(zip(*columns, strict=True))
            indices[name] = {"\t".join(t): at for at, t in enumerate(texts) if NULL not in t}
    return indices


def lookups(tables: tuple[LiveTable, ...]) -> frozenset[str]:
    """Small tables others pick from: few columns, no times, no parents but themselves."""
    referenced = {key.target for table in tables for key in table.of_kind("foreign key")}
    return frozenset(
        table.name
        for table in tables
        if table.name in referenced
        and len(table.columns) <= 6
        and not any(column.base in TIMES for column in table.columns)
        and all(key.target == table.name for key in table.of_kind("foreign key"))
    )


def edges(tables: tuple[LiveTable, ...]) -> list[order.Edge]:
    """The foreign keys, as what decides the order of the tables."""
    return [_edge(table, key) for table in tables for key in table.of_kind("foreign key")]


def _edge(table: LiveTable, key: LiveConstraint) -> order.Edge:
    nullable = any(table.column(name).nullable for name in key.columns)
    return order.Edge(
        name=f"{table.name}.{key.name}",
        child=table.name,
        parent=key.target or "",
        nullable=nullable,
        deferrable=key.deferrable,
    )
