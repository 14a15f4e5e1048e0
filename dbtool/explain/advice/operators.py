"""Operators that need another index than a plain one: which, and what it takes."""

import re
from collections.abc import Iterator

from dbtool.explain.advice.tables import Known, Table
from dbtool.explain.advice.terms import Side, Term
from dbtool.explain.predicate import searched_as_stored
from dbtool.explain.wording import FOREIGN_PART, IN_PARTS

_PREFIX = re.compile(r"'(?:[^%_\\']|\\.|'')+[^']*'")
_LIKE = frozenset({"~~", "~~*"})
_REGEXP = frozenset({"~", "~*"})
_CONTAINS = frozenset({"@>", "<@", "&&"})
_KEYS = frozenset({"?", "?|", "?&", "@?"})
_SPATIAL = frozenset({"geometry", "geography"})
_PATTERN = {"text": "text_pattern_ops", "character varying": "varchar_pattern_ops"}
_PATTERN["character"] = "bpchar_pattern_ops"


def special(term: Term, table: Table, known: Known) -> Iterator[tuple[str, str]]:
    """Method and operator class of indexes that answer a term; none for the plain ones."""
    if term.cast:
        return
    column = table.columns.get(term.columns[0])
    kind = column.type if column else ""
    if term.operator in _LIKE | _REGEXP:
        yield from _text(term, kind, known)
    elif term.operator == "@@":
        yield "gin", ""
    elif kind == "jsonb" and term.operator in _CONTAINS | _KEYS | {"@@"}:
        yield "gin", "jsonb_path_ops" if term.operator in ("@>", "@?") else ""
    elif column and column.category == "A" and term.operator in _CONTAINS:
        yield "gin", ""
    elif term.operator in _CONTAINS and (
        (column and column.category == "R") or kind in _SPATIAL or kind == "box"
    ):
        yield "gist", ""


def _text(term: Term, kind: str, known: Known) -> Iterator[tuple[str, str]]:
    """LIKE 'x%' reads a plain index in order; anything else in a text takes trigrams."""
    if term.operator == "~~" and begins(term):
        opclass = "" if known.sorts_by_code_point else _PATTERN.get(kind, "text_pattern_ops")
        yield "btree", opclass
    elif term.side is Side.CONSTANT and "pg_trgm" in known.extensions:
        yield "gin", "gin_trgm_ops"


def begins(term: Term) -> bool:
    """Whether a pattern says how the text begins."""
    return term.side is Side.CONSTANT and bool(_PREFIX.fullmatch(term.value))


def lacking(term: Term, condition: str, table: Table, known: Known) -> str:
    """What would have to be installed before an index could answer a term of a condition."""
    searches = term.operator in _LIKE | _REGEXP and not (term.operator == "~~" and begins(term))
    if searches and "pg_trgm" not in known.extensions:
        column = table.columns.get(term.column)
        if term.column and not searched_as_stored(
            condition, term.key, column.type if column else ""
        ):
            return ""
        said = (
            f"{term.key} is searched in the middle of the text, which only a trigram index"
            " serves: CREATE EXTENSION pg_trgm, which is not installed, where"
            " pg_available_extensions lists it"
        )
        index = f"USING gin ({term.key} gin_trgm_ops)"
        how = f"an index {index}; {FOREIGN_PART if table.foreign else IN_PARTS}"
        if table.kind != "p":
            how = f"CREATE INDEX CONCURRENTLY … {index}"
        return f"{said}; then, not tried here: {how}" if term.column else said
    if term.operator == "= ANY":
        return (
            f"{term.value} = ANY ({term.key}) is served by no index: write"
            f" {term.key} @> ARRAY[{term.value}], which a GIN index serves"
        )
    return ""
