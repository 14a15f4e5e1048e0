"""Read CHECK constraints, in the server's own spelling, as facts a generator can satisfy."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import postgast
from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as pb


@dataclass(frozen=True, slots=True)
class Bounds:
    """A column against constants; either end may be open, `length` bounds its characters."""

    column: str
    low: str | None = None
    high: str | None = None
    low_open: bool = False
    high_open: bool = False
    length: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """A column is one of these values."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A column matches a regular expression."""

    column: str
    regex: str


@dataclass(frozen=True, slots=True)
class Order:
    """One column is never below another."""

    later: str
    earlier: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """With these values in `status` the column is set; `exact`: with these and no others."""

    column: str
    status: str
    values: tuple[str, ...]
    negated: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Different:
    """Two columns of a row are never equal."""

    column: str
    other: str


@dataclass(frozen=True, slots=True)
class NotNull:
    """A column is set."""

    column: str


Fact = Bounds | OneOf | Pattern | Order | Gate | Different | NotNull

_COMPARE = frozenset({"<", "<=", ">", ">=", "=", "<>"})
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}


def read(definition: str) -> tuple[Fact, ...] | None:
    """The facts a constraint states; None where a part of it is not understood."""
    inside = definition.removesuffix(" NOT VALID").removesuffix(" NO INHERIT")
    if not inside.startswith("CHECK "):
        return None
    try:
        tree = postgast.parse(f"SELECT {inside.removeprefix('CHECK ')}")
    except (postgast.PgQueryError, DecodeError):
        return None
    value = tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val
    return _facts(value)


def _facts(node: pb.Node) -> tuple[Fact, ...] | None:
    node = _bare(node)
    match node.WhichOneof("node"):
        case "bool_expr":
            return _of_boolean(node.bool_expr)
        case "a_expr":
            return _of_operator(node.a_expr)
        case "column_ref" if name := _column(node):
            return (OneOf(name, ("true",)),)
        case "null_test" if node.null_test.nulltesttype == pb.IS_NOT_NULL:
            column = _column(node.null_test.arg)
            return (NotNull(column),) if column else None
    return None


def _of_boolean(expression: pb.BoolExpr) -> tuple[Fact, ...] | None:
    if expression.boolop == pb.AND_EXPR:
        parts = [_facts(argument) for argument in expression.args]
        if any(part is None for part in parts):
            return None
        return tuple(fact for part in parts for fact in part or ())
    if expression.boolop == pb.NOT_EXPR and (name := _column(expression.args[0])):
        return (OneOf(name, ("false",)),)
    if expression.boolop == pb.OR_EXPR and len(expression.args) == 2:
        return _of_alternative(*expression.args)
    return None


def _of_alternative(first: pb.Node, second: pb.Node) -> tuple[Fact, ...] | None:
    """`status = 'draft' OR published_at IS NOT NULL`, and `x IS NULL OR <condition on x>`."""
    for one, other in ((first, second), (second, first)):
        test = _bare(other)
        if test.WhichOneof("node") != "null_test":
            continue
        column = _column(test.null_test.arg)
        if not column:
            continue
        if test.null_test.nulltesttype == pb.IS_NULL:
            return _facts(one)
        if (chosen := _choice(one)) is not None:
            status, values, negated = chosen
            return (Gate(column, status, values, negated=not negated),)
    return None


def _of_operator(expression: pb.A_Expr) -> tuple[Fact, ...] | None:
    operator = expression.name[-1].string.sval if expression.name else ""
    if expression.kind == pb.AEXPR_OP and operator == "=" and (gate := _equivalence(expression)):
        return (gate,)
    if (chosen := _choice_of(expression)) is not None and not chosen[2]:
        return (OneOf(chosen[0], chosen[1]),)
    if expression.kind != pb.AEXPR_OP:
        return None
    if operator in ("~", "~*"):
        column, regex = _column(expression.lexpr), _constant(expression.rexpr)
        either = "(?i)" if operator == "~*" else ""
        return (Pattern(column, f"{either}{regex}"),) if column and regex is not None else None
    if operator in ("~~", "~~*"):
        column, like = _column(expression.lexpr), _constant(expression.rexpr)
        if not column or like is None or "\\" in like:
            return None
        return (Pattern(column, _of_like(like)),)
    if operator in _COMPARE:
        return _comparison(operator, expression.lexpr, expression.rexpr)
    return None


def _of_like(like: str) -> str:
    """A pattern of LIKE as a regular expression; upper and lower case are what it says."""
    parts = {"%": ".*", "_": "."}
    return f"^{''.join(parts.get(each) or re.escape(each) for each in like)}$"


def _equivalence(expression: pb.A_Expr) -> Gate | None:
    """`(status = 'refunded') = (refunded_at IS NOT NULL)`."""
    for one, other in (
        (expression.lexpr, expression.rexpr),
        (expression.rexpr, expression.lexpr),
    ):
        test, chosen = _bare(other), _choice(one)
        if chosen is None or test.WhichOneof("node") != "null_test":
            continue
        if column := _column(test.null_test.arg):
            status, values, negated = chosen
            is_null = test.null_test.nulltesttype == pb.IS_NULL
            return Gate(column, status, values, negated=negated != is_null, exact=True)
    return None


def _comparison(operator: str, left: pb.Node, right: pb.Node) -> tuple[Fact, ...] | None:
    one, other = _column(left), _column(right)
    if one and other:
        return _between_columns(operator, one, other)
    if other:
        return _comparison(_FLIPPED[operator], right, left)
    constant = _constant(right)
    measured = one or _measured(left)
    if not measured or constant is None:
        return None
    length = one is None
    match operator:
        case ">=" | ">":
            return (Bounds(measured, low=constant, low_open=operator == ">", length=length),)
        case "<=" | "<":
            return (Bounds(measured, high=constant, high_open=operator == "<", length=length),)
        case "=" if length:
            return (Bounds(measured, low=constant, high=constant, length=True),)
    return None


def _between_columns(operator: str, one: str, other: str) -> tuple[Fact, ...] | None:
    match operator:
        case ">=" | ">":
            return (Order(one, other, operator == ">"),)
        case "<=" | "<":
            return (Order(other, one, operator == "<"),)
        case "<>":
            return (Different(one, other),)
    return None


def _choice(node: pb.Node) -> tuple[str, tuple[str, ...], bool] | None:
    node = _bare(node)
    return _choice_of(node.a_expr) if node.WhichOneof("node") == "a_expr" else None


def _choice_of(expression: pb.A_Expr) -> tuple[str, tuple[str, ...], bool] | None:
    """A column among constants: the column, the constants, whether it is none of them."""
    operator = expression.name[-1].string.sval if expression.name else ""
    column = _column(expression.lexpr)
    if not column or operator not in ("=", "<>"):
        return None
    if expression.kind == pb.AEXPR_OP:
        value = _constant(expression.rexpr)
        return (column, (value,), operator == "<>") if value is not None else None
    if expression.kind in (pb.AEXPR_OP_ANY, pb.AEXPR_OP_ALL):
        right = _bare(expression.rexpr)
        if right.WhichOneof("node") != "a_array_expr":
            return None
        values = _constants(right.a_array_expr.elements)
        return (column, values, operator == "<>") if values else None
    return None


def _constants(nodes: Iterable[pb.Node]) -> tuple[str, ...]:
    values = [_constant(node) for node in nodes]
    return () if None in values else tuple(value for value in values if value is not None)


def _bare(node: pb.Node) -> pb.Node:
    """The expression below its casts."""
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    return node


def _column(node: pb.Node) -> str | None:
    node = _bare(node)
    if node.WhichOneof("node") != "column_ref":
        return None
    name: str = node.column_ref.fields[-1].string.sval
    return name or None


def _measured(node: pb.Node) -> str | None:
    """The column whose length is taken."""
    node = _bare(node)
    if node.WhichOneof("node") != "func_call":
        return None
    name = node.func_call.funcname[-1].string.sval
    lengths = ("char_length", "character_length", "length")
    return _column(node.func_call.args[0]) if name in lengths else None


def _constant(node: pb.Node) -> str | None:
    node = _bare(node)
    if node.WhichOneof("node") == "a_expr" and node.a_expr.name[0].string.sval == "-":
        inner = _constant(node.a_expr.rexpr)
        return f"-{inner}" if inner is not None and not node.a_expr.HasField("lexpr") else None
    if node.WhichOneof("node") != "a_const" or node.a_const.isnull:
        return None
    match node.a_const.WhichOneof("val"):
        case "ival":
            return str(node.a_const.ival.ival)
        case "fval":
            return str(node.a_const.fval.fval)
        case "sval":
            return str(node.a_const.sval.sval)
        case "boolval":
            return "true" if node.a_const.boolval.boolval else "false"
    return None


def number(constant: str | None) -> Decimal | None:
    """A constant as a number, where it is one."""
    try:
        return None if constant is None else Decimal(constant)
    except InvalidOperation:
        return None
