"""Whether checks prove a condition on a partition key, by the steps that the server takes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dbtool.lint.effects.constants import Key, Value, holds, value
from dbtool.lint.expression import Expression, Form, Type
from dbtool.lint.schema import Bound

LONGEST_LIST = 100
"""The server takes no longer lists apart."""
_NEGATED = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "=": "<>", "<>": "="}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "<>": "<>"}
_PLAIN_ARRAY = re.compile(r"'\{[\w.+-]+(?:,[\w.+-]+)*\}'")
_LISTS = {"in": "any =", "in <>": "all <>"}


@dataclass(frozen=True, slots=True)
class Compared:
    """The key compared with a value."""

    operator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Combined:
    """Conditions of which all or any have to hold; of a list of values it is taken apart alone."""

    how: Literal["all", "any"]
    parts: tuple["Condition", ...]
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Null:
    """Whether the key is null."""

    negated: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """What says nothing of the key, or nothing that is understood."""


Condition = Compared | Combined | Null | Other
OTHER = Other()


def combined(how: Literal["all", "any"], parts: Iterable[Condition]) -> Condition:
    """Conditions as one, those of the same kind below it being its own."""
    flat: list[Condition] = []
    for each in parts:
        same = isinstance(each, Combined) and each.how == how and not each.listed
        flat.extend(each.parts if same and isinstance(each, Combined) else (each,))
    return flat[0] if len(flat) == 1 else Combined(how, tuple(flat))


def condition(expression: Expression, key: Key, *, negated: bool = False) -> Condition:
    """A check, or its opposite, as conditions on the key."""
    form, parts = expression.form, expression.parts
    if form is Form.NOT:
        return condition(parts[0], key, negated=not negated)
    if form in (Form.AND, Form.OR):
        how: Literal["all", "any"] = "all" if (form is Form.AND) is not negated else "any"
        return combined(how, (condition(each, key, negated=negated) for each in parts))
    if form in (Form.IS_NULL, Form.IS_NOT_NULL) and key.names(parts[0]):
        return Null(negated=(form is Form.IS_NOT_NULL) is not negated)
    if form is Form.OPERATOR and len(parts) == 2:
        return _operator(expression, key, negated=negated)
    if form is Form.OTHER and len(parts) > 1 and key.names(parts[0]):
        return _listed(expression, key, negated=negated)
    return OTHER


def _operator(expression: Expression, key: Key, *, negated: bool) -> Condition:
    first, second = expression.parts
    word = "<>" if expression.word == "!=" else expression.word
    if word == "=" and second.form is Form.CONSTANT and second.word in ("true", "false"):
        return condition(first, key, negated=negated is not (second.word == "false"))
    if not key.names(first):
        first, second, word = second, first, _TURNED.get(word, "")
    if not key.names(first) or word not in _NEGATED:
        return OTHER
    return _compared(_NEGATED[word] if negated else word, value(key, second))


def _compared(operator: str, found: Value | None) -> Condition:
    return Compared(operator, found) if found is not None else OTHER


def _listed(expression: Expression, key: Key, *, negated: bool) -> Condition:
    """IN, NOT IN, ANY and ALL: one value the server compares otherwise makes all of them so."""
    is_array = expression.word not in _LISTS
    quantity, _, word = _LISTS.get(expression.word, expression.word[3:]).partition(" ")
    items = _elements(expression.parts[1]) if is_array else _items(expression.parts[1:])
    if quantity not in ("any", "all") or word not in _NEGATED:
        return OTHER
    operator = _NEGATED[word] if negated else word
    compared = tuple(_compared(operator, value(key, each)) for each in items)
    if OTHER in compared or not 0 < len(compared) <= LONGEST_LIST:
        return OTHER
    return Combined("any" if (quantity == "any") is not negated else "all", compared, listed=True)


def _items(parts: tuple[Expression, ...]) -> tuple[Expression, ...]:
    listed = parts[0].form is Form.OTHER and parts[0].word == "list"
    return parts[0].parts if listed else parts


def _elements(array: Expression) -> tuple[Expression, ...]:
    """The values of an array however it is written; none where that is not understood."""
    if array.form is Form.ARRAY:
        return tuple(map(_as_text, array.parts))
    if array.form is Form.CONSTANT and _PLAIN_ARRAY.fullmatch(array.word):
        words = array.word[2:-2].split(",")
        return tuple(_constant(each) for each in words)
    if array.form is not Form.CAST or array.type is None or not array.type.array:
        return ()
    element = Type(array.type.name, array.type.schema, array.type.modifiers)
    inner = array.parts[0]
    below = inner.parts if inner.form is Form.ARRAY else _elements(inner)
    return tuple(Expression(Form.CAST, "", (each,), element) for each in below)


def _as_text(each: Expression) -> Expression:
    """What stands in an array without a type is text, whatever the array is compared with."""
    untyped = each.form is Form.CONSTANT and each.word.startswith("'")
    return Expression(Form.CAST, "", (each,), Type("text")) if untyped else each


def _constant(word: str) -> Expression:
    return (
        Expression(Form.NULL) if word.lower() == "null" else Expression(Form.CONSTANT, f"'{word}'")
    )


def outside(bound: Bound, key: Key) -> Condition | None:
    """What a default partition has to be beside a new bound; None where that is not known."""
    if bound.values:
        nulls, values = _parted(bound.values, key)
        if values is None:
            return None
        apart = combined("all", [*([Null(negated=True)] if nulls else []), *_each("<>", values)])
        return apart if nulls else combined("any", (Null(), apart))
    limits = _limits(bound, key, "<", ">=")
    return None if limits is None else combined("any", (Null(), *limits))


def inside(bound: Bound, key: Key) -> Condition | None:
    """What a partition has to be for its bound; None where that is not known."""
    if bound.values:
        nulls, values = _parted(bound.values, key)
        if values is None:
            return None
        within = Combined("any", tuple(_each("=", values)), listed=True) if values else Null()
        if nulls:
            return combined("any", (Null(), within)) if values else Null()
        return combined("all", (Null(negated=True), within))
    limits = _limits(bound, key, ">=", "<")
    return None if limits is None else combined("all", (Null(negated=True), *limits))


def _parted(listed: tuple[Expression, ...], key: Key) -> tuple[bool, list[Value] | None]:
    """Whether NULL is in a list, and its values."""
    found = [value(key, each) for each in listed if each.form is not Form.NULL]
    values = [each for each in found if each is not None]
    known = len(values) == len(found) <= LONGEST_LIST
    return len(found) < len(listed), values if known else None


def _each(operator: str, values: list[Value]) -> list[Condition]:
    return [Compared(operator, each) for each in values]


def _limits(bound: Bound, key: Key, below: str, above: str) -> list[Condition] | None:
    """What the one lower and the one upper limit say, where they are no MINVALUE and MAXVALUE."""
    if len(bound.lower) != 1 or len(bound.upper) != 1:
        return None
    found: list[Condition] = []
    for limit, operator in ((bound.lower[0], below), (bound.upper[0], above)):
        if limit.form is Form.COLUMN and limit.word.lower() in ("minvalue", "maxvalue"):
            continue
        at = value(key, limit)
        if at is None:
            return None
        found.append(Compared(operator, at))
    return found


def implies(given: Condition, wanted: Condition) -> bool:
    """Whether one condition proves another: what is proven in no single step is not proven."""
    if isinstance(given, Combined) and given.how == "any":
        if not (isinstance(wanted, Combined) and wanted.how == "all"):
            return all(_implies_any(each, wanted) for each in given.parts)
    elif isinstance(given, Combined) and not (isinstance(wanted, Combined) and wanted.how == "all"):
        whole = isinstance(wanted, Combined) and any(implies(given, e) for e in wanted.parts)
        return whole or any(implies(each, wanted) for each in given.parts)
    if isinstance(wanted, Combined):
        how = all if wanted.how == "all" else any
        return how(implies(given, each) for each in wanted.parts)
    return _at_once(given, wanted)


def _implies_any(given: Condition, wanted: Condition) -> bool:
    if isinstance(wanted, Combined):
        return any(implies(given, each) for each in wanted.parts)
    return implies(given, wanted)


def _at_once(given: Condition, wanted: Condition) -> bool:
    if isinstance(given, Null) and isinstance(wanted, Null):
        return given == wanted
    if not (isinstance(given, Compared) and isinstance(wanted, Compared)):
        return False
    if given.operator == "=":
        return holds(wanted.operator, given.value, wanted.value)
    test = _TESTS.get((given.operator, wanted.operator))
    return test is not None and holds(test, given.value, wanted.value)


_TESTS = {
    ("<", "<"): "<=",
    ("<", "<="): "<=",
    ("<", "<>"): "<=",
    ("<=", "<"): "<",
    ("<=", "<="): "<=",
    ("<=", "<>"): "<",
    (">", ">"): ">=",
    (">", ">="): ">=",
    (">", "<>"): ">=",
    (">=", ">"): ">",
    (">=", ">="): ">=",
    (">=", "<>"): ">",
    ("<>", "<>"): "=",
}
"""How the value of one comparison has to stand to that of another to prove the other."""
