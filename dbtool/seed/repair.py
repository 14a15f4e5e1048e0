"""Look for values that satisfy CHECKs: the server tries options, and whole rows, in one query."""

import re
from collections.abc import Collection, Sequence
from itertools import islice

from asyncpg.exceptions import PostgresError

from dbtool.database.connection import Connection
from dbtool.seed.joint import KEPT, Part
from dbtool.seed.live import LiveColumn
from dbtool.seed.remedy import Remedy
from dbtool.seed.rows import NULL
from dbtool.seed.sample import Rule, Sample, apart, group_of, literal, plain_type
from dbtool.seed.subject import INTEGERS, TEXTS, TIMES
from dbtool.seed.values import escaped
from dbtool.sql.text import quoted

_TRIED_ROWS = 30
_COMBINATIONS = 1500
_MOST = 16
_STRING = re.compile(r"'((?:[^']|'')*)'")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"(?<![\w.'])-?\d+(?:\.\d+)?(?![\w.'])")
_PALETTE: dict[str, tuple[str, ...]] = {
    "bool": ("t", "f"),
    "jsonb": ("{}", "[]"),
    "json": ("{}", "[]"),
    "numeric": ("0", "1", "10", "100"),
    "float4": ("0", "0.5", "1"),
    "float8": ("0", "0.5", "1"),
}


async def repaired(
    connection: Connection, rows: Sample, broken: Sequence[Rule], filled: Collection[str]
) -> Remedy:
    """A remedy for broken rules: options per column, else whole rows; else the reason.

    The first step is to fill the columns that are NULL here and there: options decide then.
    """
    group = group_of(broken, (column.name for column in rows.table.columns))
    if empty := frozenset(name for name in group if _has_gaps(rows, name)) - set(filled):
        return Remedy(filled=empty)
    related = [rule for rule in rows.rules if rule.columns & set(group)]
    asked = list({rule.name: rule for rule in (*related, *broken)}.values())
    name = ", ".join(rule.name for rule in broken)
    free = tuple(each for each in group if not rows.table.column(each).generated)
    try:
        if found := await _options(connection, rows, free, asked, broken):
            return Remedy(group=name, parts=found)
        if accepted := await _whole_rows(connection, rows, free, asked):
            return Remedy(group=name, rows=accepted)
    except PostgresError:
        # Some option made an expression fail; what rows say is all there is.
        if accepted := await _accepted(connection, rows, free, asked):
            return Remedy(group=name, rows=accepted)
    return Remedy(reason="no rows are known that satisfy " + "; ".join(r.shown for r in broken))


def _has_gaps(rows: Sample, name: str) -> bool:
    return name in rows.names and None in rows.arguments[rows.names.index(name)]


async def _accepted(
    connection: Connection, rows: Sample, group: Sequence[str], asked: Sequence[Rule]
) -> dict[str, tuple[str, ...]]:
    try:
        return await _whole_rows(connection, rows, group, asked)
    except PostgresError:
        return {}


async def _options(
    connection: Connection,
    rows: Sample,
    group: Sequence[str],
    asked: Sequence[Rule],
    broken: Sequence[Rule],
) -> dict[str, tuple[Part, ...]]:
    """Options that hold in every row of the sample, those that keep most columns first."""
    if not group:
        return {}
    fixed = _keys(rows, group)
    each = max(2, int(_COMBINATIONS ** (1 / len(group))))
    texts = " ".join(rule.expression for rule in (*broken, *asked))
    offered = [
        _offered(rows, rows.table.column(name), texts, each, is_key=name in fixed) for name in group
    ]
    passed = await _tried(connection, rows, group, offered, (asked, broken))
    chosen = _best([[part for _, part in combination] for combination in passed])
    return {
        name: tuple(combination[place] for combination in chosen)
        for place, name in enumerate(group)
        if chosen
    }


Offer = tuple[str, Part]
"""An option as SQL, and as part of a mask."""


def _offered(
    rows: Sample, column: LiveColumn, texts: str, most: int, *, is_key: bool
) -> list[Offer]:
    offers: list[Offer] = []
    name = quoted(column.name)
    if column.name in rows.names:
        offers.append((f"r.{name}", KEPT))
    if column.nullable:
        offers.append(("NULL", NULL))
    if not is_key:
        kind = plain_type(column)
        constants = islice(_constants(rows, column, texts), max(most - len(offers), 1))
        offers += [(f"{literal(text)}::{kind}", escaped(text)) for text in constants]
    return offers


def _constants(rows: Sample, column: LiveColumn, texts: str) -> Sequence[str]:
    """Values of the column's type out of the expressions, then common ones, then its own."""
    strings = [each.replace("''", "'") for each in _STRING.findall(texts)]
    numbers = _NUMBER.findall(_STRING.sub("", texts))
    found: list[str] = []
    meant = rows.meant.get(column.name)
    if labels := column.labels or meant:
        known = [each for each in labels if meant is None or each in meant]
        found = [each for each in strings if each in known] + known
    elif meant is not None:
        pass
    elif column.base in TEXTS:
        found = [*strings, "a", "A1", "abc", "1"]
    elif column.base in INTEGERS:
        whole = [int(each) for each in numbers if "." not in each]
        found = [str(near) for each in whole for near in (each, each + 1, each - 1)]
        found += ["0", "1", "2", "10", "100"]
    elif column.base in TIMES:
        found = [each for each in strings if _DATE.match(each)]
    else:
        quoted_numbers = [each for each in strings if _NUMBER.fullmatch(each)]
        is_number = column.base in ("numeric", "float4", "float8", "money")
        found = [*numbers, *quoted_numbers] if is_number else []
        found += _PALETTE.get(column.base, ())
    if column.name in rows.names:
        own = rows.arguments[rows.names.index(column.name)]
        found += list(islice((text for text in own if text is not None), 4))
    fits = column.max_length
    return [each for each in dict.fromkeys(found) if fits is None or len(each) <= fits]


def _keys(rows: Sample, group: Sequence[str]) -> set[str]:
    """Columns whose values must stay their own: keys, and what alone makes rows unique."""
    referring = rows.table.of_kind("foreign key", "exclusion")
    found = {name for each in referring for name in each.columns}
    for each in rows.table.of_kind("primary key", "unique"):
        others = set(each.columns) - set(group)
        if not each.predicate and not any(_differs(rows, name) for name in others):
            found |= set(each.columns)
    return found


def _differs(rows: Sample, name: str) -> bool:
    """Whether a column is another one in each row of the sample."""
    if name not in rows.names:
        return False
    own = rows.arguments[rows.names.index(name)]
    return None not in own and len(set(own)) == len(own)


async def _tried(
    connection: Connection,
    rows: Sample,
    group: Sequence[str],
    offered: Sequence[Sequence[Offer]],
    rules: tuple[Sequence[Rule], Sequence[Rule]],
) -> list[list[Offer]]:
    """The combinations with which no row of the sample breaks a rule, those that do first."""
    asked, broken = rules
    sources = ", ".join(
        f"generate_series(0, {len(offers) - 1}) AS o{place}(i)"
        for place, offers in enumerate(offered)
    )
    places = ", ".join(f"o{place}.i AS i{place}" for place in range(len(offered)))
    columns = ", ".join(_chosen(column.name, group, offered) for column in rows.stored)
    numbers = ", ".join(f"i{place}" for place in range(len(offered)))
    demands = " AND ".join(f"coalesce(({rule.expression}), true)" for rule in asked)
    kept = " AND ".join(f"coalesce(({rule.expression}), true)" for rule in broken)
    few = f"(SELECT * FROM ({rows.full()}) AS {rows.alias} ORDER BY {kept} LIMIT {_TRIED_ROWS})"
    sql = (
        f"{rows.ctes()}, tried AS MATERIALIZED (SELECT {places}, {columns}"
        f" FROM {few} AS r, {sources})"
        f" SELECT {numbers} FROM ({rows.full('tried')}) AS {rows.alias}"
        f" GROUP BY {numbers} HAVING bool_and({demands}) ORDER BY {numbers}"
    )
    async with apart(connection):
        found = await connection.fetch(sql, *rows.arguments)
    return [[offers[row[place]] for place, offers in enumerate(offered)] for row in found]


def _chosen(name: str, group: Sequence[str], offered: Sequence[Sequence[Offer]]) -> str:
    if name not in group:
        return f"r.{quoted(name)}"
    place = group.index(name)
    cases = " ".join(f"WHEN {at} THEN {sql}" for at, (sql, _) in enumerate(offered[place]))
    return f"CASE o{place}.i {cases} END AS {quoted(name)}"


def _best(passed: Sequence[Sequence[Part]]) -> list[Sequence[Part]]:
    """Those that keep what no other keeps more of, values rather than NULLs, a few of them."""

    def kept(parts: Sequence[Part]) -> frozenset[int]:
        return frozenset(place for place, part in enumerate(parts) if part is KEPT)

    def empty(parts: Sequence[Part]) -> int:
        return sum(part == NULL for part in parts)

    wanted = [
        parts
        for parts in passed
        if not any(kept(parts) < kept(other) and empty(other) <= empty(parts) for other in passed)
    ]
    least = min(map(empty, wanted), default=0)
    ranked = sorted(wanted, key=lambda parts: (empty(parts), -len(kept(parts))))
    return [parts for parts in ranked if empty(parts) <= least + 1][:_MOST]


async def _whole_rows(
    connection: Connection, rows: Sample, group: Sequence[str], asked: Sequence[Rule]
) -> dict[str, tuple[str, ...]]:
    """The columns of those rows of the sample that break no rule."""
    if set(group) & _keys(rows, group) or not set(group) <= set(rows.names):
        return {}
    demands = " AND ".join(f"coalesce(({rule.expression}), true)" for rule in asked)
    names = ", ".join(f"{quoted(name)}::text" for name in group)
    async with apart(connection):
        found = await connection.fetch(
            f"{rows.ctes()} SELECT DISTINCT {names} FROM {rows.alias} WHERE {demands}"
            f" ORDER BY {', '.join(str(place + 1) for place in range(len(group)))}",
            *rows.arguments,
        )
    if not found:
        return {}
    return {
        name: tuple(NULL if row[place] is None else escaped(row[place]) for row in found)
        for place, name in enumerate(group)
    }
