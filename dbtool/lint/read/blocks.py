"""The statements within a DO block, as far as they are written out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import postgast
from google.protobuf.message import DecodeError

from dbtool.lint.read.columns import option
from dbtool.lint.read.names import Node

_BRANCHES = frozenset(
    f"PLpgSQL_stmt_{kind}"
    for kind in ("if", "case", "loop", "while", "fori", "fors", "forc", "foreach_a", "dynfors")
)
_DYNAMIC = ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors")
_NESTED = ("body", "then_body", "elsif_list", "else_body", "stmts", "case_when_list", "action")


@dataclass(frozen=True, slots=True)
class Within:
    """A statement of a block; `maybe` where a branch, a loop or a handler decides over it."""

    sql: str
    maybe: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """What a block does: what is written out, and why the rest of it is not known.

    `commits` says that it ends transactions on its way.
    """

    statements: tuple[Within, ...] = ()
    hidden: str = ""
    commits: bool = False


def block(node: Node) -> Block:
    """Read a DoStmt."""
    language = option(node.args, "language") or "plpgsql"
    if language.lower() != "plpgsql":
        return Block(hidden=f"what the block does: it is written in {language}")
    tag = "$dbtool$"
    text = option(node.args, "as") or ""
    try:
        found = postgast.parse_plpgsql(f"DO {tag}{text}{tag}")
    except (postgast.PgQueryError, UnicodeEncodeError, ValueError):
        return Block(hidden="what the block does: it could not be read")
    commits = "PLpgSQL_stmt_commit" in str(found)
    told = [*_walk(found[0]["PLpgSQL_function"], maybe=False)] if found else []
    dynamic = any(each is None for each in told)
    hidden = "what EXECUTE runs: the block puts it together when it runs" if dynamic else ""
    return Block(tuple(each for each in told if each is not None), hidden, commits)


def _constant(expression: str) -> str | None:
    """The text that EXECUTE runs where it is a constant."""
    try:
        found = postgast.parse(f"SELECT {expression}").stmts
    except (postgast.PgQueryError, DecodeError):
        return None
    targets = found[0].stmt.select_stmt.target_list
    value = targets[0].res_target.val.a_const if len(targets) == 1 else None
    return str(value.sval.sval) if value is not None and value.HasField("sval") else None


def _walk(node: object, *, maybe: bool) -> Iterator[Within | None]:
    """The statements below a node in their order; None where one is put together at run time."""
    if isinstance(node, list):
        for each in node:
            yield from _walk(each, maybe=maybe)
    if not isinstance(node, Mapping):
        return
    for kind, inner in node.items():
        if kind in _DYNAMIC:
            written = _constant(inner["query"]["PLpgSQL_expr"]["query"])
            yield None if written is None else Within(written, maybe)
        if kind == "PLpgSQL_stmt_execsql":
            yield Within(inner["sqlstmt"]["PLpgSQL_expr"]["query"], maybe)
        elif kind == "PLpgSQL_stmt_perform":
            yield Within(inner["expr"]["PLpgSQL_expr"]["query"], maybe)
        elif kind in _NESTED or kind.startswith("PLpgSQL_"):
            caught = isinstance(inner, Mapping) and "exceptions" in inner
            yield from _walk(inner, maybe=maybe or caught or kind in _BRANCHES)
