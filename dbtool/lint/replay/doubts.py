"""Which checks prove nothing any more, because CASCADE may have taken them along."""

from dbtool.lint import actions as act
from dbtool.lint.expression import OF_EXTENSIONS, SPECIAL, Expression, Form, Type
from dbtool.lint.replay.tables import store
from dbtool.lint.schema import Constraint, Holds, Name, Schema, Table
from dbtool.lint.values import replace

_KINDS = {
    "function": "function",
    "procedure": "function",
    "routine": "function",
    "operator": "operator",
    "type": "type",
    "domain": "type",
    "extension": "extension",
    "schema": "schema",
}
"""What checks may go with, and the kind that its names are noted under."""
DOUBTED = Name("check", "")
"""Stands among the names noted as soon as any check is doubted."""
_NOTED = {Form.FUNCTION: "function", Form.CAST: "type"}
_PLAIN = "= <> != < <= > >= + - * / || ~ ~* !~ !~* ~~ ~~* !~~ !~~*"
_OPERATORS = frozenset(("", *_PLAIN.split()))
_OWN = """
    lower upper length char_length character_length octet_length btrim ltrim rtrim left right
    substr substring replace position strpos starts_with regexp_like abs round floor ceil ceiling
    mod sign now date_trunc date_part extract num_nulls num_nonnulls cardinality array_length
    array_position jsonb_typeof json_typeof lower_inc upper_inc isempty isfinite
"""
_FUNCTIONS = frozenset(_OWN.split()) | SPECIAL
"""What looks like PostgreSQL's own, and stays unless something of that name is dropped."""


def note(schema: Schema, kind: str, name: Name) -> None:
    """Remember that there was something of a name, and the schema it is in."""
    if kind in _KINDS:
        schema.put(schema.made, Name(_KINDS[kind], name.name), True)
    if name.schema:
        schema.put(schema.made, Name("schema", name.schema), True)


def may_doubt(action: act.Action) -> bool:
    """Whether checks may go with what it drops."""
    return isinstance(action, act.Drop) and action.cascade and action.kind in _KINDS


def doubt_checks(schema: Schema, action: act.Drop) -> None:
    """Rely on no check that may have gone with what it calls; it may as well still be there."""
    if not may_doubt(action) or _is_absent(schema, action):
        return
    for table in (*schema.tables.values(),):
        doubted = {
            each.name: replace(each, doubted=True)
            for each in table.having(Holds.CHECK)
            if _may_go(each, table, schema, action)
        }
        if doubted:
            store(schema, replace(table, constraints={**table.constraints, **doubted}))
            schema.put(schema.made, DOUBTED, True)


def _is_absent(schema: Schema, action: act.Drop) -> bool:
    noted = Name(_KINDS[action.kind], action.name.name) in schema.made
    return schema.complete and action.if_exists and not noted


def _may_go(check: Constraint, table: Table, schema: Schema, action: act.Drop) -> bool:
    if check.expression is None:
        return False
    foreign = _is_strange if _is_hidden(schema, action) else _is_noted
    for node in check.expression.walk():
        if _called(node) == action.name.name or foreign(node, schema):
            return True
    used = [table.columns[name] for name in check.expression.columns if name in table.columns]
    return action.kind == "extension" and any(not _is_own(each.type) for each in used)


def _is_hidden(schema: Schema, action: act.Drop) -> bool:
    """Whether nobody saw all that may go with it created: an extension brings what it likes."""
    brought = action.kind == "schema" and any(kind == "extension" for kind, _ in schema.made)
    return brought or action.kind == "extension" or not schema.complete


def _called(node: Expression) -> str:
    """The bare name of the function, operator or type that a node uses."""
    match node.form:
        case Form.FUNCTION:
            return node.word.rpartition(".")[2]
        case Form.OPERATOR | Form.OTHER:
            word = node.word.rpartition(" ")[2]
            return "" if word.replace("_", "a").isalpha() else word
        case Form.CAST if node.type is not None:
            return node.type.name
    return ""


def _is_noted(node: Expression, schema: Schema) -> bool:
    """Whether a node uses what the history made, which may need what is gone."""
    if node.form is Form.FUNCTION and node.word in _FUNCTIONS:
        return False
    return Name(_NOTED.get(node.form, "operator"), _called(node)) in schema.made


def _is_strange(node: Expression, _: Schema) -> bool:
    """Whether a node uses anything but what looks like PostgreSQL's own."""
    match node.form:
        case Form.FUNCTION:
            return node.word not in _FUNCTIONS
        case Form.OPERATOR | Form.OTHER:
            return _called(node) not in _OPERATORS
        case Form.CAST:
            return not _is_own(node.type)
    return False


def _is_own(type_: Type | None) -> bool:
    return type_ is not None and type_.built_in and type_.name not in OF_EXTENSIONS
