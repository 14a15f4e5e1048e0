"""Compare how often values come up, and how rows fall to parents, with what the plan has."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from asyncpg.exceptions import (
    DataError,
    IntegrityConstraintViolationError,
    TooManyColumnsError,
)

from dbtool.database.connection import Connection
from dbtool.seed.dealing import EachParent
from dbtool.seed.fill import literal
from dbtool.seed.plan import Load
from dbtool.seed.rows import NULL, Population, Rows
from dbtool.sql.text import quoted

_BLOCKS = 4
"""The blocks of planned rows looked at: enough to know shares by."""
_VALUES = 12
"""The most different values a column is compared by."""
_LEAST = 30
"""The rows below which a share says little."""
_ABOUT = 0.1
"""How far a number of rows may be from the planned one to be about as many."""
_AWAY = 0.1
"""How far a share may be from the planned one: what is used changes a little."""
_CHANCE = 4
"""How many standard deviations a share may be away: other rows of one plan differ by chance."""
_FAMILY = 2
"""How many times as many rows, or as few, a parent may have."""
_UNASKED = (DataError, IntegrityConstraintViolationError, TooManyColumnsError)
"""Why columns cannot be asked about together: a type or a domain refuses, or they are too many."""
Shares = tuple[str, Mapping[str, float]]
"""A column, and the share of each of its values that is planned."""


@dataclass(frozen=True, slots=True)
class Off:
    """A column that holds something else than planned, or rows that fall to parents otherwise."""

    name: str
    said: str


async def off_plan(
    connection: Connection, load: Load, there: int, own: Collection[str] = ()
) -> tuple[Off, ...]:
    """What differs in a table that holds about as many rows as planned.

    Where rows are missing or others came, shares say nothing about those planned; nor do they
    where a trigger may have changed what was loaded. Of `own` columns, whose values are made
    by code of the user's and may be others each time, only the NULLs are compared.
    """
    planned = load.population.count
    if planned < _LEAST or abs(there - planned) > planned * _ABOUT or load.table.triggers:
        return ()
    known = _spread(load.population)
    total = sum(rows.size for rows in known)
    shares: list[Shares] = [
        (name, {text: count / total for text, count in times})
        for name, times in _planned(load, known, own)
    ]
    found = await _values(connection, load, shares)
    async with connection.limits():
        return (*found, *await _parents(connection, load))


def is_more(load: Load, there: int) -> bool:
    """Whether a table would be compared with its plan, had it not so many rows more."""
    planned = load.population.count
    return planned >= _LEAST and there - planned > planned * _ABOUT and not load.table.triggers


def _spread(population: Population) -> list[Rows]:
    """Some blocks from the first to the last: rows may differ along the way."""
    numbers = population.blocks
    if len(numbers) > _BLOCKS:
        last = len(numbers) - 1
        return [population.block(numbers[at * last // (_BLOCKS - 1)]) for at in range(_BLOCKS)]
    return [population.block(number) for number in numbers]


def _planned(
    load: Load, known: Sequence[Rows], own: Collection[str]
) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """How often each value is planned where there are few, else NULL; of keys only that."""
    told = load.table.of_kind("primary key", "unique", "foreign key", "exclusion")
    keys = {name for each in told for name in each.columns}
    for name in load.population.generators:
        times: Counter[str] = Counter()
        for rows in known:
            times.update(rows.texts(name))
        if len(times) <= _VALUES and name not in keys and name not in own:
            yield name, list(times.items())
        elif load.table.column(name).nullable:
            yield name, [(NULL, times[NULL])]


async def _values(connection: Connection, load: Load, planned: Sequence[Shares]) -> list[Off]:
    """The columns with a share far from the plan: all are counted in one scan, where they can be.

    A value planned today may be one that the type of its column no longer takes: it is found
    by halves, and its column left out.
    """
    if not planned:
        return []
    tests = (_test(load, name, text) for name, shares in planned for text in shares)
    counts = ", ".join(f"count(*) FILTER (WHERE {test})::float8" for test in tests)
    try:
        async with connection.limits():
            every, *found = await connection.fetchrow(
                f"SELECT count(*), {counts} FROM {load.table.name}"
            )
    except _UNASKED:
        half = len(planned) // 2
        parts = (planned[:half], planned[half:]) if half else ()
        return [off for part in parts for off in await _values(connection, load, part)]
    numbers = iter(found)
    told = (
        _furthest(load, name, shares, dict(zip(shares, numbers, strict=False)), max(every, 1))
        for name, shares in planned
    )
    return [off for off in told if off is not None]


def _test(load: Load, name: str, text: str) -> str:
    column, kind = quoted(name), load.table.column(name).type
    if text == NULL:
        return f"{column} IS NULL"
    return f"{column}::text = ({literal(text)}::{kind})::text"


def _furthest(
    load: Load, name: str, planned: Mapping[str, float], counts: Mapping[str, float], rows: int
) -> Off | None:
    """The value of a column whose share is furthest from the plan, where that is far."""
    there = {text: count / rows for text, count in counts.items()}
    text = max(planned, key=lambda each: abs(there[each] - planned[each]))
    chance = _CHANCE * sqrt((_variance(there[text]) + _variance(planned[text])) / rows)
    if abs(there[text] - planned[text]) <= max(_AWAY, chance):
        return None
    shown = "NULL" if text == NULL else text[:40]
    said = f"{shown}: {there[text]:.0%} of the rows, planned {planned[text]:.0%}"
    return Off(f"{load.table.shown}.{name}", said)


def _variance(share: float) -> float:
    return share * (1 - share)


async def _parents(connection: Connection, load: Load) -> list[Off]:
    """Whether the parents that have rows have about as many as planned."""
    walk = load.population.walk
    if not isinstance(walk, EachParent):
        return []
    families, most = walk.families()
    if not families:
        return []
    each = walk.count / families
    keys = load.table.of_kind("foreign key")
    columns = next(key.columns for key in keys if ",".join(key.columns) == walk.name)
    by = ", ".join(map(quoted, columns))
    mean, top = await connection.fetchrow(
        "SELECT avg(children)::float8, max(children) FROM"
        f" (SELECT count(*) AS children FROM {load.table.name}"
        f" WHERE num_nulls({by}) = 0 GROUP BY {by}) AS parents"
    )
    # Whoever tries the application out gives one parent more rows than others have.
    if mean is None or (
        1 / _FAMILY <= mean / each <= _FAMILY and top <= 2 * most + 1 + walk.count * _AWAY
    ):
        return []
    said = f"{mean:.1f} rows to each parent that has any, {top:,} at most"
    said += f"; planned {each:.1f}, {most:,} at most"
    return [Off(f"{load.table.shown}.{walk.name}", said)]
