"""What name, type and CHECKs say about the number, truth value or address in a column."""

import re
from dataclasses import replace
from decimal import Decimal

from dbtool.seed.checks import Bounds, Order, number
from dbtool.seed.kinds import samples
from dbtool.seed.live import LiveColumn
from dbtool.seed.rows import Generator
from dbtool.seed.subject import INTEGERS, TEXTS, Choice, Subject
from dbtool.seed.values import AtLeast, Fixed, Octets, Pool, Weighted, Whole

_DECIMALS = ("numeric", "float4", "float8", "money")
_WHOLE: tuple[tuple[str, int, int, bool], ...] = (
    (r"(^|_)(quantity|qty|units)$", 1, 5, True),
    (r"(^|_)(stock|inventory|on_hand)$", 0, 500, False),
    (r"(^|_)(rating|stars|score|priority|level)$", 1, 5, False),
    (r"(^|_)age$", 18, 90, False),
    (r"(^|_)year$", 1990, 2025, False),
    (r"(^|_)(position|sort_order|rank|sequence|ordering)$", 0, 99, False),
    (r"percent", 0, 100, False),
    (r"(count|views|likes|clicks|hits|visits)$", 0, 5000, True),
)
_MONEY = re.compile(r"price|amount|total|cost|fee|balance|salary|revenue")
_SHARE = re.compile(r"discount|rate|ratio|share|tax|probability|fraction")
_PLACE = re.compile(r"(?:^|_)(lat|lon|lng)(?:itude|gitude)?$")


def by_name(column: LiveColumn, subject: Subject) -> Choice | None:
    """The generator a name, or a CHECK against another column, suggests."""
    made = _by_name(column, subject)
    return Choice(made, "name", "likely") if made else None


def _by_name(column: LiveColumn, subject: Subject) -> Generator | None:
    if column.base == "bool":
        return _truth(column)
    if (other := _not_below(column, subject)) is not None:
        return AtLeast(column.name, other, 0 if column.base in INTEGERS else _scale(column))
    if column.base in INTEGERS:
        for pattern, low, high, skewed in _WHOLE:
            if re.search(pattern, column.name.lower()):
                return _whole(column, subject, Whole(column.name, low, high, skewed))
    return _decimal_by_name(column, subject) if column.base in _DECIMALS else None


def _not_below(column: LiveColumn, subject: Subject) -> str | None:
    """The column a CHECK puts below this one."""
    if column.base not in (*INTEGERS, *_DECIMALS):
        return None
    found = (f for f in subject.facts if isinstance(f, Order) and f.later == column.name)
    fact = next(found, None)
    return fact.earlier if fact else None


def _decimal_by_name(column: LiveColumn, subject: Subject) -> Generator | None:
    name, scale = column.name.lower(), _scale(column)
    if place := _PLACE.search(name):
        most = (60 if place[1] == "lat" else 170) * 10**scale
        return Fixed(column.name, -most, most, scale)
    if _SHARE.search(name):
        tenths = tuple(f"0.{tenth}" for tenth in (0, 0, 0, 0, 0, 1, 0, 2))
        return _allowed(Weighted(column.name, tenths, "share"), column, subject)
    if _MONEY.search(name):
        return _allowed(Pool(column.name, _prices(scale), "price"), column, subject)
    return None


def _allowed(made: Pool | Weighted, column: LiveColumn, subject: Subject) -> Generator:
    """The values the CHECKs and the precision allow; any number where too few are left."""
    scale = _scale(column)
    whole = 10 ** column.numeric[0] - 1 if column.numeric else 10**12
    low, high = _bounded(column, subject, (-whole, whole), scale)
    values = tuple(v for v in made.values if low <= Decimal(v).scaleb(scale) <= high)
    if len(values) * 2 >= len(made.values):
        return replace(made, values=values)
    return _decimal(column, subject)


def by_type(column: LiveColumn, subject: Subject) -> Choice | None:
    """Some value of the type, within the column's CHECKs."""
    made: Generator | None = None
    if column.base in INTEGERS:
        made = _whole(column, subject, Whole(column.name, 0, 1000, skewed=True))
    elif column.base in _DECIMALS:
        made = _decimal(column, subject)
    elif column.base == "bytea":
        made = Octets(column.name)
    elif column.element in INTEGERS:
        lists = tuple("{" + ",".join(map(str, range(length))) + "}" for length in range(5))
        made = Pool(column.name, lists, "list")
    elif column.base not in TEXTS and (texts := samples(column)):
        made = Pool(column.name, texts, "sample")
    return Choice(made, "type", "guess") if made else None


def _truth(column: LiveColumn) -> Weighted:
    if re.search(r"(^|_)encrypted$", column.name):
        # What is made here is plain.
        return Weighted(column.name, ("f",), "no")
    mostly = re.search(r"active|enabled|verified|visible|public|available|valid", column.name)
    rarely = re.search(r"delet|archiv|hidden|admin|superuser|staff|banned|locked|spam", column.name)
    values = ("t",) * 9 + ("f",) if mostly else ("f",) * 15 + ("t",) if rarely else ("t", "f")
    return Weighted(column.name, values, "yes or no")


def _prices(scale: int) -> tuple[str, ...]:
    if scale < 2:
        return tuple(str(3 + step * step // 700) for step in range(1024))
    endings = ("99", "50", "95", "00")
    return tuple(f"{3 + step * step // 700}.{endings[step % 4]}" for step in range(1024))


def _scale(column: LiveColumn) -> int:
    """Digits behind the point."""
    return column.numeric[1] if column.numeric else 2


def _whole(column: LiveColumn, subject: Subject, wanted: Whole) -> Whole:
    top = min(wanted.high, INTEGERS[column.base])
    low, high = _bounded(column, subject, (wanted.low, top), 0)
    return Whole(column.name, low, high, wanted.skewed)


def _decimal(column: LiveColumn, subject: Subject) -> Fixed:
    scale, top = _scale(column), 1000 * 10 ** _scale(column)
    if column.numeric:
        top = min(top, 10 ** column.numeric[0] - 1)
    low, high = _bounded(column, subject, (0, top), scale)
    return Fixed(column.name, low, high, scale)


def _bounded(
    column: LiveColumn, subject: Subject, wanted: tuple[int, int], scale: int
) -> tuple[int, int]:
    """A range, in units of the last place, moved into what the CHECKs allow."""
    least: int | None = None
    most: int | None = None
    for fact in subject.facts:
        if not isinstance(fact, Bounds) or fact.column != column.name or fact.length:
            continue
        if (bound := number(fact.low)) is not None:
            least = int(bound.scaleb(scale)) + fact.low_open
        if (bound := number(fact.high)) is not None:
            most = int(bound.scaleb(scale)) - fact.high_open
    low, high = wanted
    if least is not None and least > low:
        low, high = least, max(high, least + (wanted[1] - wanted[0]))
    if most is not None and most < high:
        low, high = (low, most) if least is not None else (min(low, most), most)
    return low, high
