"""Functions in the parser's tree, and the bodies that take the place of their calls."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import postgast
from google.protobuf.message import DecodeError

from dbtool.lint import actions as act
from dbtool.lint.expression import Expression
from dbtool.lint.read.columns import option
from dbtool.lint.read.expressions import expression
from dbtool.lint.read.names import Node, qualified
from dbtool.lint.read.query import calls

_VOLATILITY: dict[str, Literal["volatile", "stable", "immutable"]] = {
    "volatile": "volatile",
    "stable": "stable",
    "immutable": "immutable",
}
_CHANGES = re.compile(r"\b(?:create|alter|drop|execute|rename|import)\b", re.I)
_CALLS = re.compile(r'(?<!into )\b(\w+)"?\s*\(', re.I)
_ASIDE = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/""", re.S)
_WORD = re.compile(r"'\w*'")
_PLAIN = {"target_list", "limit_option", "op"}
"""The parts of a query that computes one value and reads nothing."""


def create_function(node: Node) -> Iterator[act.Action]:
    """CREATE FUNCTION."""
    text = _without_asides(node)
    yield act.CreateFunction(
        function=qualified(node.funcname),
        volatility=_VOLATILITY[option(node.options, "volatility") or "volatile"],
        replace=node.replace,
        inlined=_inlined(node),
        changes=_CHANGES.search(text) is not None,
        calls=frozenset(map(str.lower, _CALLS.findall(text))) | _within(node),
    )


def alter_function(node: Node) -> Iterator[act.Action]:
    """ALTER FUNCTION."""
    yield act.AlterFunction(
        function=qualified(node.func.objname),
        volatility=_VOLATILITY.get(option(node.actions, "volatility") or ""),
        stays_inlined=not _is_kept_apart(node.actions),
    )


def _is_kept_apart(options: Node) -> bool:
    """Whether an option keeps the server from putting the body in the place of a call."""
    names = {each.def_elem.defname for each in options}
    given = (option(options, each) == "true" for each in ("strict", "security"))
    return "set" in names or any(given)


def _inlined(node: Node) -> Expression | None:
    """The value of a function in SQL, where the server computes it in the place of a call."""
    language = option(node.options, "language") or ("sql" if node.HasField("sql_body") else "")
    if language.lower() != "sql" or node.is_procedure or node.return_type.setof:
        return None
    if _is_kept_apart(node.options):
        return None
    value = _returned(node.sql_body) if node.HasField("sql_body") else _written(node)
    if value is None or any(each.word == "sub_link" for each in value.walk()):
        return None
    return value


def _returned(body: Node) -> Expression | None:
    if body.WhichOneof("node") == "return_stmt":
        return expression(body.return_stmt.returnval)
    return _selected([each for block in body.list.items for each in block.list.items])


def _text(node: Node) -> str:
    """The body of a function that is written as a string."""
    texts = (each.def_elem.arg.list.items for each in node.options if each.def_elem.defname == "as")
    return "".join(each.string.sval for items in texts for each in items)


def _without_asides(node: Node) -> str:
    """The body without comments and strings of a word, which change nothing by what they say."""
    text = _text(node)
    language = (option(node.options, "language") or "").lower()
    if language not in ("sql", "plpgsql") or "\\'" in text:
        return text
    return _ASIDE.sub(_kept, text)


def _kept(found: re.Match[str]) -> str:
    said = found.group()
    return " " if said[:2] in ("--", "/*") or _WORD.fullmatch(said) else said


def _within(node: Node) -> frozenset[str]:
    """What a body calls that is written as statements."""
    if not node.HasField("sql_body"):
        return frozenset()
    return frozenset(each.rpartition(".")[2] for each in calls(node.sql_body))


def _written(node: Node) -> Expression | None:
    try:
        return _selected([each.stmt for each in postgast.parse(_text(node)).stmts])
    except (DecodeError, UnicodeEncodeError, postgast.PgQueryError):
        return None


def _selected(body: Sequence[Node]) -> Expression | None:
    if len(body) != 1 or body[0].WhichOneof("node") != "select_stmt":
        return None
    query = body[0].select_stmt
    plain = {field.name for field, _ in query.ListFields()} <= _PLAIN
    if not plain or len(query.target_list) != 1:
        return None
    return expression(query.target_list[0].res_target.val)
