"""Which checks prove nothing any more, because CASCADE may have taken them along."""

from dbtool.lint import actions as act
from dbtool.lint.expression import OF_EXTENSIONS, SPECIAL, Expression, Form, Type
from dbtool.lint.replay.tables import store
from dbtool.lint.schema import Constraint, Holds, Schema, Table
from dbtool.lint.values import replace

_KINDS = frozenset(
    {"function", "procedure", "routine", "operator", "type", "domain", "extension", "schema"}
)
_PLAIN = "= <> != < <= > >= + - * / || ~ ~* !~ !~* ~~ ~~* !~~ !~~*"
_OPERATORS = frozenset(_PLAIN.split())
_OWN = """
    lower upper length char_length character_length octet_length btrim ltrim rtrim left right
    substr substring replace position strpos starts_with regexp_like abs round floor ceil ceiling
    mod sign now date_trunc date_part extract num_nulls num_nonnulls cardinality array_length
    array_position jsonb_typeof json_typeof lower_inc upper_inc isempty isfinite
"""
_FUNCTIONS = frozenset(_OWN.split()) | SPECIAL
"""What looks like PostgreSQL's own, and stays unless something of that name is dropped."""


def doubt_checks(schema: Schema, action: act.Drop) -> None:
    """Rely on no check that may have gone with what it calls; it may as well still be there."""
    if not action.cascade or action.kind not in _KINDS:
        return
    for table in (*schema.tables.values(),):
        doubted = {
            each.name: replace(each, doubted=True)
            for each in table.having(Holds.CHECK)
            if _may_go(each, table, action)
        }
        if doubted:
            store(schema, replace(table, constraints={**table.constraints, **doubted}))


def _may_go(check: Constraint, table: Table, action: act.Drop) -> bool:
    if check.expression is None:
        return False
    if any(_is_foreign(node, action.name.name) for node in check.expression.walk()):
        return True
    used = [table.columns[name] for name in check.expression.columns if name in table.columns]
    return action.kind == "extension" and any(not _is_own(each.type) for each in used)


def _is_foreign(node: Expression, dropped: str) -> bool:
    """Whether a node calls what may be gone: who made it, and what it needs, is not noted."""
    match node.form:
        case Form.FUNCTION:
            return node.word == dropped or node.word not in _FUNCTIONS
        case Form.OPERATOR | Form.OTHER:
            word = node.word.rpartition(" ")[2]
            named = word.replace("_", "a").isalpha()
            return word == dropped or not (named or word in _OPERATORS)
        case Form.CAST:
            return not _is_own(node.type)
    return False


def _is_own(type_: Type | None) -> bool:
    return type_ is not None and type_.built_in and type_.name not in OF_EXTENSIONS
