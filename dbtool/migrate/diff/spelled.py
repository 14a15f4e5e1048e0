"""How a server prints what models say in the plainest ways; None wherever that is not certain."""

import re
from collections.abc import Mapping

from dbtool.migrate.diff.conditions import STAMPS, TEXT, WHOLE, WHOLE_NUMBERS

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
    bare = _bare(kind)
    if kind in ("json", "jsonb", "text") or (kind.endswith("[]") and "(" not in kind):
        said = said.removesuffix(f"::{kind}")
    literal = re.fullmatch(TEXT, said) is not None
    if literal and (bare in ("text", "character varying") or kind in enums.values()):
        return f"{said}::{bare}"
    if literal and bare == "character":
        return f"{said}::bpchar"
    if said == "'{}'" and kind.endswith("[]"):
        return f"{said}::{re.sub('[(].*[)]', '', kind)}"
    if kind in ("json", "jsonb") and said in ("'{}'", "'[]'"):
        return f"{said}::{kind}"
    if kind == "boolean" and said in ("true", "false", "'true'", "'false'"):
        return said.strip("'")
    if kind in STAMPS and said in ("now()", "CURRENT_TIMESTAMP", "clock_timestamp()"):
        return said
    if kind == "uuid" and said == "gen_random_uuid()":
        return said
    return _number(said, bare) if bare in WHOLE_NUMBERS or bare == "numeric" else None


def _number(said: str, kind: str) -> str | None:
    """In quotes it is of the column's type from the start, which is told where it does not show."""
    if re.fullmatch(WHOLE, said):
        return said
    inside = said.strip("'")
    if said != f"'{inside}'" or not re.fullmatch(WHOLE, inside):
        return None
    return inside if kind == "integer" else f"{said}::{kind}"


def _bare(kind: str) -> str:
    """A type without its size; an array is none of those known here."""
    return "" if kind.endswith("[]") else kind.partition("(")[0]
