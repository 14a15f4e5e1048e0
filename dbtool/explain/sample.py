"""Find values for placeholders in the statistics of the columns they are compared with."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbtool.errors import UsageError
from dbtool.explain.plan import Node, Plan

if TYPE_CHECKING:
    from asyncpg import Record

    from dbtool.database.connection import Connection

_IDENTIFIER = r'(?:\w+|"(?:[^"]|"")+")'
_COLUMN = rf"\(?(?:(?P<alias{{0}}>{_IDENTIFIER})\.)?(?P<column{{0}}>{_IDENTIFIER})\)?(?:::[\w ]+)?"
_RIGHT = re.compile(
    _COLUMN.format("")
    + r" (?P<operator>=|<>|<=|>=|<|>|~~\*?) (?:ANY \()?\(?\$(?P<number>\d+)(?!\d)"
)
_LEFT = re.compile(
    r"\(\$(?P<number>\d+)(?:::[\w ]+)? (?P<operator>=|<=|>=|<|>) " + _COLUMN.format("")
)
_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter", "Hash Cond", "Join Filter", "Merge Cond")

_STATISTICS = """
SELECT (most_common_vals::text::text[])[1] AS common, most_common_freqs[1] AS frequency,
  (most_common_vals::text::text[])[cardinality(most_common_freqs)] AS least,
  histogram_bounds::text::text[] AS bounds, null_frac AS missing
FROM pg_stats WHERE schemaname = $1 AND tablename = $2 AND attname = $3
ORDER BY inherited LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Sampled:
    """One value for each placeholder, and how they were chosen."""

    label: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class _Compared:
    node: Node
    column: str
    operator: str


async def values(
    connection: "Connection", plan: Plan, names: Sequence[str]
) -> tuple[Sampled, Sampled]:
    """Common and rare values, or the tenth and the ninetieth percentile of what is bounded."""
    compared = dict(_compared(plan))
    first: list[str | None] = []
    second: list[str | None] = []
    for number, name in enumerate(names, 1):
        found = compared.get(number)
        row = await _look_up(connection, found) if found else None
        if found is None or row is None:
            raise _unknown(name, found)
        common, rare = _choose(row, found.operator)
        first.append(common)
        second.append(rare)
    return _labelled("common", names, first), _labelled("rare", names, second)


def _labelled(kind: str, names: Sequence[str], chosen: list[str | None]) -> Sampled:
    shown = (f"{name} = {value}" for name, value in zip(names, chosen, strict=True))
    return Sampled(f"{kind} values: {', '.join(shown)}", tuple(chosen))


def _compared(plan: Plan) -> Iterator[tuple[int, _Compared]]:
    """Which column each placeholder is compared with, by the plan for any values."""
    by_alias = {node.alias: node for node in plan.nodes if node.relation}
    for node in plan.nodes:
        for key in _CONDITIONS:
            for pattern in (_RIGHT, _LEFT):
                for found in pattern.finditer(node.text(key)):
                    alias = (found["alias"] or node.alias).strip('"')
                    if of := by_alias.get(alias):
                        column = found["column"].strip('"')
                        yield int(found["number"]), _Compared(of, column, found["operator"])


async def _look_up(connection: "Connection", found: _Compared) -> "Record | None":
    schema, table = found.node.text("Schema"), found.node.relation
    row: Record | None = await connection.fetchrow(_STATISTICS, schema, table, found.column)
    return row


def _choose(row: "Record", operator: str) -> tuple[str | None, str | None]:
    bounds: list[str] = row["bounds"] or []
    if operator in ("=", "<>", "~~", "~~*"):
        middle = bounds[len(bounds) // 2] if bounds else None
        common = row["common"] if row["common"] is not None else middle
        return common, middle if middle is not None else row["least"]
    if bounds:
        last = len(bounds) - 1
        return bounds[round(last * 0.1)], bounds[round(last * 0.9)]
    return row["common"], row["least"]


def _unknown(name: str, found: _Compared | None) -> UsageError:
    if found is None:
        why = "It is not compared with a column of a table."
    else:
        why = f"Nothing is known of {found.node.relation}.{found.column}: it was never analysed."
    return UsageError(
        f"no value can be sampled for {name}", detail=why, hint="Give values with --param."
    )
