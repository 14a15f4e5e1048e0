"""Compare how often values come up, and how rows fall to parents, with what the plan has."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from dbtool.database.connection import Connection
from dbtool.seed.dealing import EachParent
from dbtool.seed.fill import literal
from dbtool.seed.plan import Load
from dbtool.seed.rows import NULL, Rows, blocks
from dbtool.sql.text import quoted

_BLOCKS = 4
"""The blocks of planned rows looked at: enough to know shares by."""
_VALUES = 12
"""The most different values a column is compared by."""
_LEAST = 30
"""The rows below which a share says little."""
_AWAY = 0.1
"""How far a share may be from the planned one: what is used changes a little."""
_FAMILY = 1.5
"""How many times as many rows, or as few, a parent may have."""


@dataclass(frozen=True, slots=True)
class Off:
    """A column that holds something else than planned, or rows that fall to parents otherwise."""

    name: str
    said: str


async def off_plan(connection: Connection, load: Load, there: int) -> tuple[Off, ...]:
    """What differs in a table that holds about as many rows as planned.

    Where rows are missing or others came, shares say nothing about those planned; nor do they
    where a trigger may have changed what was loaded.
    """
    planned = load.population.count
    if planned < _LEAST or abs(there - planned) > planned / 10 or load.table.triggers:
        return ()
    known = tuple(islice(blocks(load.population), _BLOCKS))
    total = sum(rows.size for rows in known)
    async with connection.limits():
        found = [
            off
            for name, times in _planned(load, known)
            if (off := await _value(connection, load, name, {t: n / total for t, n in times}))
        ]
        parents = await _parents(connection, load, known, total)
    return (*found, *parents)


def _planned(load: Load, known: Sequence[Rows]) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """How often each value is planned where there are few, else NULL; of keys only that."""
    told = load.table.of_kind("primary key", "unique", "foreign key", "exclusion")
    keys = {name for each in told for name in each.columns}
    for name in load.population.generators:
        times: Counter[str] = Counter()
        for rows in known:
            times.update(rows.texts(name))
        if len(times) <= _VALUES and name not in keys:
            yield name, list(times.items())
        elif load.table.column(name).nullable:
            yield name, [(NULL, times[NULL])]


async def _value(
    connection: Connection, load: Load, name: str, planned: dict[str, float]
) -> Off | None:
    """The value of a column whose share is furthest from the plan, where that is far."""
    column, kind = quoted(name), load.table.column(name).type
    tests = (
        f"{column} IS NULL" if text == NULL else f"{column}::text = ({literal(text)}::{kind})::text"
        for text in planned
    )
    counts = ", ".join(f"count(*) FILTER (WHERE {test})::float8" for test in tests)
    every, *found = await connection.fetchrow(f"SELECT count(*), {counts} FROM {load.table.name}")
    there = {text: count / max(every, 1) for text, count in zip(planned, found, strict=True)}
    text = max(planned, key=lambda each: abs(there[each] - planned[each]))
    if abs(there[text] - planned[text]) <= _AWAY:
        return None
    shown = "NULL" if text == NULL else text[:40]
    said = f"{shown}: {there[text]:.0%} of the rows, planned {planned[text]:.0%}"
    return Off(f"{load.table.shown}.{name}", said)


async def _parents(
    connection: Connection, load: Load, known: Sequence[Rows], total: int
) -> list[Off]:
    """Whether the parents that have rows have about as many as planned."""
    walk = load.population.walk
    if not isinstance(walk, EachParent):
        return []
    most = max(max(rows.dealt.siblings) for rows in known)
    each = total / len({parent for rows in known for parent in rows.dealt.parents})
    keys = load.table.of_kind("foreign key")
    columns = next(key.columns for key in keys if ",".join(key.columns) == walk.name)
    by = ", ".join(map(quoted, columns))
    mean, top = await connection.fetchrow(
        "SELECT avg(children)::float8, max(children) FROM"
        f" (SELECT count(*) AS children FROM {load.table.name} GROUP BY {by}) AS parents"
    )
    if 1 / _FAMILY <= mean / each <= _FAMILY and top <= 2 * most + 1:
        return []
    said = f"{mean:.1f} rows to each parent that has any, {top:,} at most"
    said += f"; planned {each:.1f}, {most:,} at most"
    return [Off(f"{load.table.shown}.{walk.name}", said)]
