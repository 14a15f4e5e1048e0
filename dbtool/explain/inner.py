"""SQL that a statement hands to a function as text: what it calls counts as the statement's own."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import postgast
from google.protobuf.message import DecodeError, Message
from postgast import pg_query_pb2 as pb

from dbtool.explain.mentions import texts
from dbtool.explain.plan import Plan
from dbtool.sql.classify import Traits, traits
from dbtool.sql.text import SqlSyntaxError

_TAKES_SQL = re.compile(r"(?:.*\.)?(?:crosstab\w*|connectby|xpath_table)")
"""Functions of extensions that run SQL they are given, or read a relation by its name."""

_SHOWN = re.compile(r"\b(?:crosstab\w*|connectby|xpath_table)\W?\(")


def hands_over(found: Traits) -> bool:
    """Whether a statement hands SQL to a function."""
    return any(map(_TAKES_SQL.fullmatch, found.functions))


def with_inner(found: Traits, text: str, values: Sequence[str | None]) -> tuple[Traits, bool]:
    """The traits with those of SQL in a text's calls, and whether all of that can be read."""
    if not hands_over(found):
        return found, True
    try:
        tree = postgast.parse(text)
    except (postgast.PgQueryError, DecodeError):
        return found, False
    functions, relations, whole = list(found.functions), list(found.relations), True
    for call in _calls(tree):
        for argument in call.args:
            written = _written(argument, values)
            whole = whole and written is not None
            inner = _traits(written or "")
            functions += inner.functions
            relations += inner.relations
    inside = replace(found, functions=tuple(functions), relations=tuple(relations))
    return _both(found, inside), whole


def with_shown(found: Traits, plan: Plan) -> tuple[Traits, bool]:
    """The traits with those of SQL that a plan hands over, as where a view does."""
    whole = True
    for expression in dict.fromkeys(texts(plan)):
        if not _SHOWN.search(expression):
            continue
        try:
            inside, readable = with_inner(traits(text := f"SELECT {expression}"), text, ())
        except SqlSyntaxError:
            return found, False
        found, whole = _both(found, inside), whole and readable
    return found, whole


def _both(found: Traits, more: Traits) -> Traits:
    return replace(
        found,
        functions=tuple(dict.fromkeys((*found.functions, *more.functions))),
        relations=tuple(dict.fromkeys((*found.relations, *more.relations))),
    )


def _calls(tree: Message) -> Iterator[pb.FuncCall]:
    for _, message in postgast.walk(tree):
        if isinstance(message, pb.FuncCall):
            name = ".".join(part.string.sval for part in message.funcname)
            if _TAKES_SQL.fullmatch(name):
                yield message


def _written(argument: Message, values: Sequence[str | None]) -> str | None:
    """The text of an argument; None where it is put together only when the statement runs."""
    found = ""
    for _, message in postgast.walk(argument):
        match message:
            case pb.A_Const():
                found = message.sval.sval
            case pb.ParamRef():
                if message.number > len(values):
                    return None
                found = values[message.number - 1] or ""
            case pb.Node() | pb.TypeCast() | pb.TypeName() | pb.String() | pb.Integer():
                continue
            case _:
                return None
    return found


def _traits(written: str) -> Traits:
    """What SQL calls and reads; a text that is none may be the name of a relation."""
    try:
        return traits(written)
    except SqlSyntaxError:
        return Traits(traits("").kind, relations=(written.strip(),))
