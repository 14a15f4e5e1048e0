"""What a condition of a plan compares, as far as an index of any kind could answer it."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from dbtool.explain.advice.expressions import (
    About,
    bare,
    columns_about,
    others_than,
    sql_of,
    uncast,
)

SYSTEM = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
"""Columns of every table that no index holds."""

_SUBPLAN = re.compile(r"\((?:InitPlan|SubPlan) [^()]*\)(?:\.col\d+)?")
_HASHED = re.compile(r"\(hashed SubPlan [^()]*\)(?:\.col\d+)?|hashed SubPlan \d+")
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "&&": "&&"}
_FLIPPED |= {"@>": "<@", "<@": "@>"}
_RANGE = frozenset({"<", "<=", ">", ">="})
_AND, _OR, _NOT = 1, 2, 3
_PLAIN, _ANY = 1, 2
_IS_NULL = 1


class Side(StrEnum):
    """What a column is compared with."""

    CONSTANT = "constant"
    PARAMETER = "parameter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison that has to hold: `key operator value`.

    `key` is SQL for what is compared, ready for an index; `column` its name where it is a plain
    column, and `columns` all columns in it. `cast` is the type a column is converted to first,
    which hides it from an index. `other` is the table alias a join compares it with.
    """

    key: str
    column: str
    columns: tuple[str, ...]
    operator: str
    side: Side = Side.OTHER
    value: str = ""
    cast: str = ""
    other: str = ""

    @property
    def equality(self) -> bool:
        """Whether it fixes the key to one value, or a list of them."""
        return self.operator in ("=", "IS NULL")

    @property
    def bounded(self) -> bool:
        """Whether it bounds the key on one side."""
        return self.operator in _RANGE

    @property
    def predicate(self) -> str:
        """The term as the condition of a partial index; empty where it is no constant one."""
        if not self.column or self.cast:
            return ""
        if self.operator in ("IS NULL", "IS NOT NULL", "IS TRUE", "IS FALSE"):
            ends = {"IS TRUE": self.key, "IS FALSE": f"NOT {self.key}"}
            return ends.get(self.operator, f"{self.key} {self.operator}")
        plain = self.operator in ("=", "<>", *_RANGE) and self.side is Side.CONSTANT
        return f"{self.key} {self.operator} {self.value}" if plain else ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The terms that all have to hold, and the lists of which one has to."""

    every: tuple[Term, ...]
    either: tuple[tuple[tuple[Term, ...], ...], ...] = ()


def conditions(text: str, alias: str, texts: Collection[str] | None = None) -> Conditions:
    """The terms of a condition about one table alias; what is no comparison is left out.

    `texts` are its columns that hold text, where that is known.
    """
    import postgast
    from google.protobuf.message import DecodeError

    if not text:
        return Conditions(())
    readable = _SUBPLAN.sub("$1", _HASHED.sub("(true)", text))
    try:
        tree = postgast.parse(f"SELECT WHERE {readable}")
    except (postgast.PgQueryError, DecodeError, UnicodeEncodeError):
        return Conditions(())
    where = tree.stmts[0].stmt.select_stmt.where_clause
    about = About(alias, texts)
    every: list[Term] = []
    either: list[tuple[tuple[Term, ...], ...]] = []
    for each in _flat(where, _AND):
        if _is(each, _OR):
            arms = tuple(tuple(_found(_flat(arm, _AND), about)) for arm in _flat(each, _OR))
            either.append(arms)
        else:
            every.extend(_found([each], about))
    return Conditions(tuple(every), tuple(either))


def _is(node: Any, operation: int) -> bool:
    return bool(node.WhichOneof("node") == "bool_expr" and node.bool_expr.boolop == operation)


def _flat(node: Any, operation: int) -> Iterator[Any]:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if _is(each, operation):
            waiting.extend(reversed(each.bool_expr.args))
        else:
            yield each


def _found(nodes: Any, about: About) -> Iterator[Term]:
    for each in nodes:
        if (term := _term(each, about)) is not None:
            yield term


def _term(node: Any, about: About) -> Term | None:
    match node.WhichOneof("node"):
        case "null_test":
            test = node.null_test
            said = "IS NULL" if test.nulltesttype == _IS_NULL else "IS NOT NULL"
            return _about(test.arg, about, said)
        case "column_ref":
            return _about(node, about, "IS TRUE")
        case "bool_expr" if node.bool_expr.boolop == _NOT:
            inner = node.bool_expr.args[0]
            is_column = inner.WhichOneof("node") == "column_ref"
            return _about(inner, about, "IS FALSE") if is_column else None
        case "a_expr" if node.a_expr.kind in (_PLAIN, _ANY) or node.a_expr.name:
            return _comparison(node.a_expr, about)
    return None


def _about(node: Any, about: About, operator: str) -> Term | None:
    inner, cast = uncast(node, about)
    if not (columns := columns_about(inner, about)) or others_than(inner, about):
        return None
    column = columns[0] if inner.WhichOneof("node") == "column_ref" else ""
    return Term(sql_of(inner, about), column, columns, operator, Side.CONSTANT, cast=cast)


def _comparison(expression: Any, about: About) -> Term | None:
    operator = expression.name[-1].string.sval
    left, right = expression.lexpr, expression.rexpr
    mine, theirs = bool(columns_about(left, about)), bool(columns_about(right, about))
    if mine == theirs:
        return None
    if theirs:
        if expression.kind == _ANY:  # 'x' = ANY (tags): what an array's elements hold
            operator = "= ANY"
        elif operator not in _FLIPPED:
            return None
        left, right = right, left
        operator = _FLIPPED.get(operator, operator)
    if others_than(left, about):
        return None
    found = _compared(left, operator, right, about)
    if expression.kind == _ANY and found.value and operator != "= ANY":
        return replace(found, value=f"ANY ({found.value})")
    return found


def _compared(left: Any, operator: str, right: Any, about: About) -> Term:
    inner, cast = uncast(left, about)
    columns = columns_about(inner, about)
    plain = inner.WhichOneof("node") == "column_ref"
    side, value = _value(right, about)
    others = others_than(right, about)
    return Term(
        key=sql_of(inner, about),
        column=columns[0] if plain else "",
        columns=columns,
        operator=operator,
        side=Side.OTHER if others else side,
        value=value,
        cast=cast if plain else "",
        other=others[0] if others else "",
    )


def _value(node: Any, about: About) -> tuple[Side, str]:
    """A constant as it may be written in SQL: the type is the column's."""
    inner, _ = uncast(node, about)
    match inner.WhichOneof("node"):
        case "a_const":
            return Side.CONSTANT, sql_of(inner, about)
        case "param_ref":
            return Side.PARAMETER, ""
    return Side.OTHER, ""


def predicate_of(condition: str) -> str:
    """A partial index's condition as PostgreSQL prints it, written as that of a term."""
    found = conditions(condition, "")
    alone = len(found.every) == 1 and not found.either and _counts(condition) == 1
    return (found.every[0].predicate if alone else "") or bare(condition)


def _counts(condition: str) -> int:
    """How many conditions AND joins, those included that are no terms."""
    import postgast

    if not condition:
        return 0
    where = postgast.parse(f"SELECT WHERE {condition}").stmts[0].stmt.select_stmt.where_clause
    return len(list(_flat(where, _AND)))
