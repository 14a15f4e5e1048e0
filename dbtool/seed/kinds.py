"""Values of every type PostgreSQL brings: samples, and one that differs for each row index."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dbtool.seed import words
from dbtool.seed.live import LiveColumn
from dbtool.seed.rows import Rows
from dbtool.seed.values import escaped

_EPOCH = date(2001, 1, 1)
_SPAN = 8_000


def _day(number: int) -> str:
    return str(_EPOCH + timedelta(days=number))


def _minute(number: int) -> str:
    day, minute = divmod(number, 1440)
    return f"{_day(day)} {minute // 60:02d}:{minute % 60:02d}:00"


def _bits(number: int) -> str:
    return f"{number:b}"


_BY_INDEX: Mapping[str, Callable[[int], str]] = {
    "inet": lambda n: f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}",
    "cidr": lambda n: f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}/32",
    "macaddr": lambda n: (
        f"02:00:{n >> 24 & 255:02x}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"
    ),
    "macaddr8": lambda n: (
        f"02:00:00:00:{n >> 24 & 255:02x}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}"
    ),
    "interval": lambda n: f"{n + 1} minutes",
    "tsvector": lambda n: f"'{words.TOPICS[n % len(words.TOPICS)]}':{n % 16_000 + 1} 'n{n}'",
    "tsquery": lambda n: f"'{words.TOPICS[n % len(words.TOPICS)]}' | 'n{n}'",
    "money": lambda n: f"{n}.99",
    "xml": lambda n: f"<entry number='{n}'/>",
    "hstore": lambda n: f'"color"=>"{words.COLORS[n % len(words.COLORS)]}", "number"=>"{n}"',
    "point": lambda n: f"({n},{n % 90})",
    "line": lambda n: f"{{1,-1,{n}}}",
    "lseg": lambda n: f"[({n},0),({n},1)]",
    "box": lambda n: f"({2 * n + 1},1),({2 * n},0)",
    "path": lambda n: f"(({n},0),({n},1),({n + 1},1))",
    "polygon": lambda n: f"(({n},0),({n},1),({n + 1},1))",
    "circle": lambda n: f"<({3 * n},0),1>",
    "int4range": lambda n: f"[{n * 10},{n * 10 + 10})",
    "int8range": lambda n: f"[{n * 10},{n * 10 + 10})",
    "numrange": lambda n: f"[{n * 10}.0,{n * 10 + 9}.5)",
    "daterange": lambda n: f"[{_day(n * 2 % (3 * _SPAN))},{_day(n * 2 % (3 * _SPAN) + 1)})",
    "tsrange": lambda n: f'["{_minute(n * 60)}","{_minute(n * 60 + 45)}")',
    "tstzrange": lambda n: f'["{_minute(n * 60)}+00","{_minute(n * 60 + 45)}+00")',
    "pg_lsn": lambda n: f"0/{n:X}",
    "oid": lambda n: str(100_000 + n),
    "ltree": lambda n: f"top.branch_{n % 8}.leaf_{n}",
    "lquery": lambda n: f"*.leaf_{n}",
    "jsonpath": lambda n: f"$[{n}]",
    "jsonb": lambda n: f'{{"number": {n}}}',
    "json": lambda n: f'{{"number": {n}}}',
    "bytea": lambda n: f"\\x{n:016x}",
    "date": _day,
    "timestamp": _minute,
    "timestamptz": lambda n: f"{_minute(n)}+00",
    "time": lambda n: f"{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}",
    "timetz": lambda n: f"{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}+00",
    "numeric": str,
    "float4": lambda n: f"{n}.5",
    "float8": lambda n: f"{n}.5",
    "int2": str,
    "int4": str,
    "int8": str,
    "bool": lambda n: "tf"[n % 2],
    "uuid": lambda n: f"00000000-0000-4000-8000-{n:012x}",
    "text": lambda n: f"{words.TOPICS[n % len(words.TOPICS)]} {n}",
    "varchar": lambda n: f"{words.TOPICS[n % len(words.TOPICS)]} {n}",
    "citext": lambda n: f"{words.TOPICS[n % len(words.TOPICS)]} {n}",
    "bpchar": str,
    "name": lambda n: f"{words.TOPICS[n % len(words.TOPICS)]}_{n}",
    "varbit": _bits,
}
_LIMITS = {"int2": 32_767, "bool": 2, "time": 86_400, "timetz": 86_400, "date": 2_000_000}
_MULTI = {
    "int4multirange": "int4range",
    "int8multirange": "int8range",
    "nummultirange": "numrange",
    "datemultirange": "daterange",
    "tsmultirange": "tsrange",
    "tstzmultirange": "tstzrange",
}
_SIZE = re.compile(r"\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Counted:
    """A value of the type that differs for each row index."""

    column: str
    make: Callable[[int], str]
    limit: int
    kind: str = "unique value"

    def texts(self, rows: Rows) -> Sequence[str]:
        """The values."""
        make = self.make
        return [escaped(make(index)) for index in rows.indices]


def counted(column: LiveColumn) -> Counted | None:
    """A different value for each row, where the type has as many."""
    make = by_index(column)
    if make is None:
        return None
    limit = _LIMITS.get(column.base, 2**31)
    if column.base == "bit":
        limit = 2 ** min(_size(column, 1), 31)
    elif column.numeric and column.base == "numeric":
        limit = min(limit, 10 ** (column.numeric[0] - column.numeric[1]))
    return Counted(column.name, make, limit)


def samples(column: LiveColumn, count: int = 256) -> tuple[str, ...]:
    """Values of the column's type as COPY text; none where the type is not known."""
    make = by_index(column)
    return tuple(escaped(make(number)) for number in range(count)) if make else ()


def by_index(column: LiveColumn) -> Callable[[int], str] | None:
    """What makes one value of the type for each number."""
    if column.element is not None and column.type.endswith("]"):
        return _array(column)
    if column.base == "bit":
        size = _size(column, 1)
        return lambda n: f"{n % 2**size:0{size}b}"
    if column.base == "varbit":
        size = _size(column, 64)
        return lambda n: f"{n % 2**size:b}"
    if column.base in ("vector", "halfvec"):
        size = _size(column, 3)
        return lambda n: (
            "[" + ",".join(f"0.{(n * 7 + at * 13) % 997:03d}" for at in range(size)) + "]"
        )
    if column.base == "sparsevec":
        size = _size(column, 3)
        return lambda n: f"{{{n % size + 1}:0.5}}/{size}"
    if column.base in _MULTI:
        one = _BY_INDEX[_MULTI[column.base]]
        return lambda n: f"{{{one(n)}}}"
    return _BY_INDEX.get(column.base)


def _array(column: LiveColumn) -> Callable[[int], str] | None:
    """Arrays of one to three elements; escaping suits any element."""
    if column.labels:
        return lambda n: _literal([column.labels[n % len(column.labels)]])
    one, most = _BY_INDEX.get(column.element or ""), element_length(column)
    if one is None:
        return None
    return lambda n: _literal([one(n + step)[:most] for step in range(n % 3 + 1)])


def element_length(column: LiveColumn) -> int | None:
    """The most characters each text of an array takes."""
    limited = column.element in ("varchar", "bpchar") and _SIZE.search(column.type)
    return int(limited[1]) if limited else None


def _literal(elements: Sequence[str]) -> str:
    quoted = (each.replace("\\", "\\\\").replace('"', '\\"') for each in elements)
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"


def _size(column: LiveColumn, otherwise: int) -> int:
    """The number in the type's parentheses."""
    found = _SIZE.search(column.type)
    return int(found[1]) if found else otherwise
