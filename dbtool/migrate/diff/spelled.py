"""How a server prints what models say in the plainest ways; None wherever that is not certain."""

import re
from collections.abc import Iterator, Mapping

NAME = r'(?:"[^"]+"|[a-z_][a-z0-9_]*)'
_WHOLE = {
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "NUMERIC": "numeric",
    "REAL": "real",
    "FLOAT": "double precision",
    "DOUBLE PRECISION": "double precision",
    "BOOLEAN": "boolean",
    "TEXT": "text",
    "VARCHAR": "character varying",
    "BYTEA": "bytea",
    "UUID": "uuid",
    "JSON": "json",
    "JSONB": "jsonb",
    "DATE": "date",
    "INTERVAL": "interval",
    "TIME WITHOUT TIME ZONE": "time without time zone",
    "TIMESTAMP WITHOUT TIME ZONE": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "INET": "inet",
    "TSVECTOR": "tsvector",
}
_SIZED = re.compile(r"(VARCHAR|CHAR|NUMERIC)\((\d+)(?:, (\d+))?\)")
_SIZES = {"VARCHAR": "character varying", "CHAR": "character", "NUMERIC": "numeric"}
_WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint"})
_STAMPS = frozenset({"timestamp with time zone", "timestamp without time zone"})
_ORDERED = _WHOLE_NUMBERS | _STAMPS | {"date", "text", "boolean", "uuid"}
_TEXT = r"'(?:[^'\\]|'')*'"
_INTEGER = r"(?:0|[1-9]\d{0,8})"


def printed_name(name: str) -> str:
    """A name that is plain as it is, any other in quotes."""
    plain = re.fullmatch("[a-z_][a-z0-9_]*", name) is not None
    return name if plain else '"' + name.replace('"', '""') + '"'


def column_type(said: str, enums: Mapping[str, str]) -> str | None:
    """A type; `enums` are the printed names of those the models create, by what is said."""
    array = said.endswith("[]") and not said.endswith("[][]")
    one = said.removesuffix("[]") if array else said
    if (found := _WHOLE.get(one) or enums.get(one)) is None:
        sized = _SIZED.fullmatch(one)
        if sized is None or (sized[3] is not None and sized[1] != "NUMERIC"):
            return None
        size = f"{sized[2]},{sized[3] or 0}" if sized[1] == "NUMERIC" else sized[2]
        found = f"{_SIZES[sized[1]]}({size})"
    return f"{found}[]" if array else found


def default(said: str, kind: str, enums: Mapping[str, str]) -> str | None:
    """A default of a column of a printed type."""
    bare, literal = _bare(kind), re.fullmatch(_TEXT, said) is not None
    if literal and (bare in ("text", "character varying") or kind in enums.values()):
        return f"{said}::{bare}"
    if bare in _WHOLE_NUMBERS:
        if re.fullmatch(_INTEGER, said):
            return said
        if literal and re.fullmatch(_INTEGER, said[1:-1]):
            return said[1:-1] if bare == "integer" else f"{said}::{bare}"
    if kind == "boolean" and said in ("true", "false", "'true'", "'false'"):
        return said.strip("'")
    if kind in ("json", "jsonb") and said in ("'{}'", "'[]'"):
        return f"{said}::{kind}"
    if kind in _STAMPS and said in ("now()", "CURRENT_TIMESTAMP", "clock_timestamp()"):
        return said
    return said if kind == "uuid" and said == "gen_random_uuid()" else None


def _bare(kind: str) -> str:
    """A type without its size; an array is none of those known here."""
    return "" if kind.endswith("[]") else kind.partition("(")[0]


def condition(said: str, kinds: Mapping[str, str]) -> str | None:
    """A condition of a CHECK or an index over columns of printed types."""
    parts = re.split(r"\s+AND\s+", said, flags=re.IGNORECASE)
    printed = [_one(part.strip(), kinds) for part in parts]
    if any(each is None for each in printed) or re.search(r"\bBETWEEN\b", said, re.IGNORECASE):
        return None
    joined = " AND ".join(map(str, printed))
    return joined if len(printed) == 1 else f"({joined})"


_NULL = re.compile(rf"({NAME}) IS( NOT)? NULL", re.IGNORECASE)
_NOT = re.compile(rf"NOT ({NAME})", re.IGNORECASE)
_COMPARED = re.compile(
    rf"({NAME})\s*(<=|>=|<>|!=|<|>|=)\s*(?:({NAME})|({_INTEGER})|(\d+\.\d+)|({_TEXT}))"
)
_AMONG = re.compile(rf"({NAME})\s+IN\s*\((.*)\)", re.IGNORECASE)


def _one(said: str, kinds: Mapping[str, str]) -> str | None:
    if said.startswith("(") and said.endswith(")") and not re.search(r"[()]", said[1:-1]):
        said = said[1:-1].strip()
    if said in kinds:
        return said if kinds[said] == "boolean" else None
    if found := _NULL.fullmatch(said):
        return f"({found[1]} IS{(found[2] and ' NOT') or ''} NULL)" if found[1] in kinds else None
    if found := _NOT.fullmatch(said):
        return f"(NOT {found[1]})" if kinds.get(found[1]) == "boolean" else None
    if found := _COMPARED.fullmatch(said):
        return _compared(found, kinds)
    if found := _AMONG.fullmatch(said):
        return _among(found[1], found[2], kinds)
    return None


def _compared(found: re.Match[str], kinds: Mapping[str, str]) -> str | None:
    left, sign, other, whole, fraction, literal = found.groups()
    kind, sign = kinds.get(left, ""), "<>" if sign == "!=" else sign
    bare = _bare(kind)
    if other in ("true", "false") and other not in kinds:
        return f"({left} {sign} {other})" if kind == "boolean" else None
    if other is not None:
        if bare == "character varying" and _bare(kinds.get(other, "")) == bare:
            return f"(({left})::text {sign} ({other})::text)"
        return f"({left} {sign} {other})" if kind in _ORDERED and kinds.get(other) == kind else None
    if whole is not None:
        if bare == "numeric":
            return f"({left} {sign} ({whole})::numeric)"
        return f"({left} {sign} {whole})" if bare in _WHOLE_NUMBERS else None
    if fraction is not None:
        return f"({left} {sign} {fraction})" if bare == "numeric" else None
    if bare == "character varying":
        return f"(({left})::text {sign} {literal}::text)"
    return f"({left} {sign} {literal}::text)" if kind == "text" else None


def _among(left: str, listed: str, kinds: Mapping[str, str]) -> str | None:
    kind, values = _bare(kinds.get(left, "")), list(_values(listed))
    if len(values) < 2 or None in values or listed.rstrip().endswith(","):
        return None
    texts = [each for each in values if each and each.startswith("'")]
    if kind == "integer" and not texts:
        return f"({left} = ANY (ARRAY[{', '.join(map(str, values))}]))"
    if len(texts) != len(values):
        return None
    if kind == "text":
        return f"({left} = ANY (ARRAY[{', '.join(f'{each}::text' for each in texts)}]))"
    if kind == "character varying":
        listed = ", ".join(f"{each}::character varying" for each in texts)
        return f"(({left})::text = ANY ((ARRAY[{listed}])::text[]))"
    return None


def _values(listed: str) -> Iterator[str | None]:
    """The values of a list; None where something else is among them."""
    at, one = 0, re.compile(rf"\s*({_TEXT}|{_INTEGER})\s*(?:,|$)")
    while at < len(listed):
        found = one.match(listed, at)
        yield found[1] if found else None
        at = found.end() if found else len(listed)
