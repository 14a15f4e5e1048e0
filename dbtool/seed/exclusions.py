"""EXCLUDE constraints: values one behind the other, so that no row meets another."""

import re
from collections.abc import Mapping
from datetime import date, timedelta

from dbtool.seed.kinds import Counted, counted
from dbtool.seed.live import LiveConstraint, LiveTable
from dbtool.seed.rows import Generator
from dbtool.seed.subject import TIMES, Unfit

_ELEMENTS = re.compile(r"^EXCLUDE USING \w+ \((.*)\)( WHERE .*)?( DEFERRABLE.*)?$", re.DOTALL)
_ELEMENT = re.compile(r"(.+?) WITH ([^,\s]+)(?:, |$)", re.DOTALL)
_START = date(2024, 1, 1)
_LIMIT = 2_000_000


def slots(table: LiveTable) -> Mapping[str, Generator]:
    """The columns that keep the rows apart; raises Unfit for a constraint of another kind."""
    found: dict[str, Generator] = {}
    for constraint in table.of_kind("exclusion"):
        made = _slots(constraint, table)
        if not made:
            raise Unfit(f"{constraint.name}: no values are known that keep to {_short(constraint)}")
        found.update(made)
    return found


def _slots(constraint: LiveConstraint, table: LiveTable) -> dict[str, Generator]:
    parts = _ELEMENTS.match(constraint.definition)
    elements = _ELEMENT.findall(parts[1]) if parts else ()
    for expression, operator in elements:
        if operator not in ("&&", "="):
            continue
        plain = expression.strip('"').replace('""', '"')
        names = [column.name for column in table.columns]
        if plain in names:
            column = table.column(plain)
            referring = any(plain in key.columns for key in table.of_kind("foreign key"))
            made = None if referring else counted(column)
            if made is not None and (operator == "&&" or column.base not in ("bool",)):
                return {plain: made}
        elif operator == "&&" and (ends := _ends(expression, table)):
            return ends
    return {}


def _ends(expression: str, table: LiveTable) -> dict[str, Generator]:
    """The two times a range is made of."""
    named = re.findall(r'"[^"]+"|\w+', expression)
    times = [
        column
        for name in dict.fromkeys(each.strip('"') for each in named)
        for column in table.columns
        if column.name == name and column.base in TIMES
    ]
    if len(times) != 2:
        return {}
    first, last = times
    return {first.name: _end(first.name, first.base, 0), last.name: _end(last.name, last.base, 1)}


def _end(name: str, base: str, last: int) -> Counted:
    if base == "date":
        make = lambda n: str(_START + timedelta(days=3 * n + last))  # noqa: E731
    else:
        zone = "+00" if base == "timestamptz" else ""
        make = lambda n: (  # noqa: E731
            f"{_START + timedelta(days=n // 24)} {n % 24:02d}:{45 * last:02d}:00{zone}"
        )
    return Counted(name, make, _LIMIT, "times that do not overlap")


def _short(constraint: LiveConstraint) -> str:
    text = constraint.definition
    return text if len(text) <= 60 else f"{text[:57]}..."
