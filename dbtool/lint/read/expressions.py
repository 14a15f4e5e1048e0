"""Expressions in the parser's tree."""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from dbtool.lint.expression import Expression, Form, Type
from dbtool.lint.read.names import Node, qualified, type_of

NULL = Expression(Form.NULL)


def expression(node: Node) -> Expression:
    """The neutral form of an expression."""
    kind = node.WhichOneof("node")
    if kind is None:
        return NULL
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(getattr(node, kind))
    return Expression(Form.OTHER, kind, tuple(_children(getattr(node, kind))))


def optional(node: Node, field: str) -> Expression | None:
    """The expression in a field, if there is one."""
    return expression(getattr(node, field)) if node.HasField(field) else None


def _children(message: Node) -> Iterator[Expression]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else (value,):
            if field.message_type.name == "Node":
                yield expression(each)
            else:
                yield from _children(each)


def _column(node: Node) -> Expression:
    last = node.fields[-1]
    return Expression(Form.COLUMN, last.string.sval if last.HasField("string") else "*")


def _constant(node: Node) -> Expression:
    match node.WhichOneof("val"):
        case "ival":
            return Expression(Form.CONSTANT, str(node.ival.ival))
        case "fval":
            return Expression(Form.CONSTANT, node.fval.fval)
        case "boolval":
            return Expression(Form.CONSTANT, "true" if node.boolval.boolval else "false")
        case "sval":
            return Expression(Form.CONSTANT, literal(node.sval.sval))
        case "bsval":
            return Expression(Form.CONSTANT, f"B{literal(node.bsval.bsval)}")
    return NULL


def literal(text: str) -> str:
    """A string constant as SQL."""
    return "'" + text.replace("'", "''") + "'"


def _function(node: Node) -> Expression:
    parts = tuple(map(expression, node.args))
    return Expression(Form.FUNCTION, str(qualified(node.funcname)), parts)


def _operator(node: Node) -> Expression:
    sides = tuple(
        expression(getattr(node, side)) for side in ("lexpr", "rexpr") if node.HasField(side)
    )
    if node.kind in (pb.AEXPR_DISTINCT, pb.AEXPR_NOT_DISTINCT) and NULL in sides:
        arg = sides[0] if sides[1] == NULL else sides[1]
        form = Form.IS_NOT_NULL if node.kind == pb.AEXPR_DISTINCT else Form.IS_NULL
        return Expression(form, "", (arg,))
    word = qualified(node.name).name
    if node.kind == pb.AEXPR_OP:
        return Expression(Form.OPERATOR, word, sides)
    if node.kind in (pb.AEXPR_BETWEEN, pb.AEXPR_NOT_BETWEEN):
        return _between(*sides, within=node.kind == pb.AEXPR_BETWEEN)
    if node.kind == pb.AEXPR_OP_ANY and word == "=" and sides[1].form is Form.ARRAY:
        return Expression(Form.OTHER, "in", (sides[0], *map(_element, sides[1].parts)))
    if node.kind == pb.AEXPR_IN and word == "=":
        return Expression(Form.OTHER, "in", (sides[0], *sides[1].parts))
    kind = pb.A_Expr_Kind.Name(node.kind)[6:].lower().replace("_", " ")
    return Expression(Form.OTHER, f"{kind} {word}".strip(), sides)


def _element(each: Expression) -> Expression:
    """What stands in an array without a type is text, whatever the array is compared with."""
    untyped = each.form is Form.CONSTANT and each.word.startswith("'")
    return Expression(Form.CAST, "", (each,), Type("text")) if untyped else each


def _between(column: Expression, limits: Expression, *, within: bool) -> Expression:
    """BETWEEN, and NOT BETWEEN, as the two comparisons that they stand for."""
    form, words = (Form.AND, (">=", "<=")) if within else (Form.OR, ("<", ">"))
    sides = zip(words, limits.parts, strict=True)
    parts = tuple(Expression(Form.OPERATOR, word, (column, limit)) for word, limit in sides)
    return Expression(form, "", parts)


_BOOLEAN = {pb.AND_EXPR: Form.AND, pb.OR_EXPR: Form.OR, pb.NOT_EXPR: Form.NOT}


def _boolean(node: Node) -> Expression:
    return Expression(_BOOLEAN[node.boolop], "", tuple(map(expression, node.args)))


def _null_test(node: Node) -> Expression:
    form = Form.IS_NULL if node.nulltesttype == pb.IS_NULL else Form.IS_NOT_NULL
    return Expression(form, "", (expression(node.arg),))


def _cast(node: Node) -> Expression:
    return Expression(Form.CAST, "", (expression(node.arg),), type_of(node.type_name))


def _collate(node: Node) -> Expression:
    return Expression(Form.COLLATE, qualified(node.collname).name, (expression(node.arg),))


def _special(node: Node) -> Expression:
    word = pb.SQLValueFunctionOp.Name(node.op)[6:].lower()
    return Expression(Form.FUNCTION, word.removesuffix("_n"))


def _array(node: Node) -> Expression:
    return Expression(Form.ARRAY, "", tuple(map(expression, node.elements)))


def _boolean_test(node: Node) -> Expression:
    word = pb.BoolTestType.Name(node.booltesttype).lower().replace("_", " ")
    return Expression(Form.OTHER, word, (expression(node.arg),))


def _list(node: Node) -> Expression:
    return Expression(Form.OTHER, "list", tuple(map(expression, node.items)))


_READERS = {
    "column_ref": _column,
    "a_const": _constant,
    "func_call": _function,
    "a_expr": _operator,
    "bool_expr": _boolean,
    "null_test": _null_test,
    "type_cast": _cast,
    "collate_clause": _collate,
    "sqlvalue_function": _special,
    "a_array_expr": _array,
    "boolean_test": _boolean_test,
    "list": _list,
}
