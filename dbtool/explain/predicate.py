"""Take a condition of a plan apart into terms an index could serve."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

_RANGE = frozenset({"<", "<=", ">", ">="})
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
_RELABELS = frozenset({"text", "varchar", "bpchar"})
_TEXTS = frozenset({"", "text", "character varying"})
"""Types that a cast to text leaves as they are: an index on them serves; "" is an unknown one."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
_SUBPLAN = re.compile(r"\((?:InitPlan|SubPlan) [^()]*\)(?:\.col\d+)?")
_QUALIFIED = re.compile(r"'(?:[^']|'')*'|(?<![\w$])[^\W\d][\w$]*\.")
"""A name before a column's, or what it may be a part of: text in quotes."""

_ANY_ALIAS = "dbtool_alias"
_HASHED = re.compile(r"\(hashed SubPlan [^()]*\)(?:\.col\d+)?|hashed SubPlan \d+")


@dataclass(frozen=True, slots=True)
class Term:
    """One condition on one column: `column operator …`.

    `cast` is the type the column is converted to before it is compared, if any.
    """

    column: str
    operator: str
    cast: str = ""

    @property
    def equality(self) -> bool:
        """Whether the term fixes the column to one value or a list of them."""
        return self.operator in ("=", "IS NULL")

    @property
    def range(self) -> bool:
        """Whether the term bounds the column on one side."""
        return self.operator in _RANGE


def terms(condition: str, alias: str, types: Mapping[str, str] = _NOTHING) -> tuple[Term, ...]:
    """The terms on columns of `alias` that all have to hold.

    What is not a plain comparison of such a column with something else is left out. `types` of
    the columns tell a cast to text that converts from one that PostgreSQL only prints.
    """
    found = (term for term in _parts(condition, alias) if term is not None)
    return tuple(
        replace(term, cast="")
        if term.cast in _RELABELS and types.get(term.column, "") in _TEXTS
        else term
        for term in found
    )


def complete(condition: str, alias: str) -> bool:
    """Whether the terms are all that the condition says."""
    parts = _parts(condition, alias)
    return None not in parts and (bool(parts) or not condition)


def searched_as_stored(condition: str, key: str, kind: str, pattern: str = "") -> bool:
    """Whether a text is searched as the column `key` holds it, for what begins with `pattern`.

    Only such a search is one that an index on the column itself serves: not one in what a cast
    makes of it or in another collation, which is printed as one, and not one by the operators of
    another type. `kind` is "" where nobody knows it.
    """
    if kind not in ("text", "character varying"):
        return False
    name = rf'\((?:(?:\w+|"[^"]+")\.)?{re.escape(key)}'
    said = name if kind == "text" else rf"{name}\)::text"
    return bool(re.search(rf"{said} (?:~~\*?|~\*?) {pattern}", condition))


def _parts(condition: str, alias: str) -> tuple[Term | None, ...]:
    if not condition:
        return ()
    readable = condition
    if "Plan " in condition:
        readable = _SUBPLAN.sub("$1", _HASHED.sub("(true)", condition))
    if '"' in readable or _ANY_ALIAS in readable:
        return _parsed(readable, alias)
    same = _by_any_name(readable, f"{alias}.")
    return _parsed(readable, alias) if same == readable else _parsed(same, _ANY_ALIAS)


def _by_any_name(condition: str, mine: str) -> str:
    """The condition as it reads under another name of its table."""
    if "'" not in condition:
        begun = condition.replace(f"({mine}", f"({_ANY_ALIAS}.")
        if mine not in begun:
            return begun
    return _QUALIFIED.sub(
        lambda found: f"{_ANY_ALIAS}." if found[0] == mine else found[0], condition
    )


@functools.lru_cache(maxsize=256)
def _parsed(condition: str, alias: str) -> tuple[Term | None, ...]:
    """The parts of a condition; large plans ask the same of many tables by other names."""
    import postgast
    from google.protobuf.message import DecodeError

    try:
        tree = postgast.parse(f"SELECT WHERE {condition}")
    except (postgast.PgQueryError, DecodeError, UnicodeEncodeError):
        return ()
    where = tree.stmts[0].stmt.select_stmt.where_clause
    return tuple(_term(each, alias) for each in _conjuncts(where))


def _conjuncts(condition: Any) -> Iterator[Any]:
    waiting = [condition]
    while waiting:
        each = waiting.pop()
        if each.WhichOneof("node") == "bool_expr" and each.bool_expr.boolop == _AND:
            waiting.extend(reversed(each.bool_expr.args))
        else:
            yield each


_AND = 1
_PLAIN = 1
_ANY = 2
_IS_NULL = 1


def _term(condition: Any, alias: str) -> Term | None:
    match condition.WhichOneof("node"):
        case "null_test":
            test = condition.null_test
            column = _column(test.arg, alias)
            return Term(column[0], "IS NULL") if column and test.nulltesttype == _IS_NULL else None
        case "a_expr" if condition.a_expr.kind in (_PLAIN, _ANY):
            return _comparison(condition.a_expr, alias)
    return None


def _comparison(expression: Any, alias: str) -> Term | None:
    operator = expression.name[-1].string.sval
    left, right = _column(expression.lexpr, alias), _column(expression.rexpr, alias)
    if left and not right and not _mentions(expression.rexpr, alias):
        return Term(left[0], operator, left[1])
    if right and not left and operator in _FLIPPED and not _mentions(expression.lexpr, alias):
        return Term(right[0], _FLIPPED[operator], right[1])
    return None


def _column(node: Any, alias: str) -> tuple[str, str] | None:
    """A column of `alias` and the type it is cast to."""
    cast = ""
    while node.WhichOneof("node") == "type_cast":
        name = node.type_cast.type_name.names[-1].string.sval
        cast = cast or name
        node = node.type_cast.arg
    if node.WhichOneof("node") != "column_ref":
        return None
    names = [field.string.sval for field in node.column_ref.fields]
    if not names[-1] or (len(names) > 1 and names[-2] != alias):
        return None
    return names[-1], cast


def _mentions(node: Any, alias: str) -> bool:
    import postgast

    if node.WhichOneof("node") == "a_const":
        return False
    for _, inner in postgast.walk(node):
        if type(inner).__name__ == "ColumnRef":
            names = [field.string.sval for field in inner.fields]
            if len(names) == 1 or names[-2] == alias:
                return True
    return False
