"""Reason about SQL with PostgreSQL's own parser: what a statement is, calls and reads.

Splitting a script is in `dbtool.sql.script`. Importing this module loads the parser, so commands
import it where they need it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import postgast
from google.protobuf.message import DecodeError, Message
from postgast import pg_query_pb2 as pb

from dbtool.sql.text import SqlSyntaxError


class Kind(StrEnum):
    """What running a statement does, as far as its text tells."""

    SELECT = "SELECT"
    SELECT_INTO = "SELECT INTO"
    SELECT_LOCKING = "SELECT with a locking clause"
    WITH_DML = "SELECT with a data-modifying WITH"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    MERGE = "MERGE"
    CREATE_TABLE_AS = "CREATE TABLE AS"
    CREATE_MATERIALIZED_VIEW = "CREATE MATERIALIZED VIEW"
    EXPLAIN = "EXPLAIN"
    PREPARE = "PREPARE"
    EXECUTE = "EXECUTE"
    DECLARE_CURSOR = "DECLARE CURSOR"
    COPY = "COPY"
    CALL = "CALL"
    DO = "DO"
    TRANSACTION = "transaction control"
    DDL = "schema change"
    UTILITY = "utility command"
    EMPTY = "nothing"
    INVALID = "not SQL that PostgreSQL can parse"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a statement's text tells about it.

    `exact` is false where the statement is nested too deeply to analyse; the rest then comes
    from its words alone and errs on the side of caution.
    """

    kind: Kind
    functions: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    parameters: int = 0
    exact: bool = True


def classify(text: str) -> Kind:
    """The kind of one statement; INVALID where it does not parse."""
    try:
        return traits(text).kind
    except SqlSyntaxError:
        return Kind.INVALID


def traits(text: str, first_line: int = 1) -> Traits:
    """What one statement is, calls and reads; raises SqlSyntaxError where it does not parse."""
    _refuse_what_the_parser_cannot_see(text, first_line)
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError as error:
        offset = max(error.cursorpos - 1, 0)
        raise SqlSyntaxError(error.message, text, min(offset, len(text)), first_line) from error
    except DecodeError:
        return _from_words(text)
    if len(tree.stmts) > 1:
        second = len(text.encode()[: tree.stmts[1].stmt_location].decode())
        raise SqlSyntaxError("a second statement where one ends", text, second, first_line)
    return _from_tree(tree)


def _refuse_what_the_parser_cannot_see(text: str, first_line: int) -> None:
    # The parser reads C strings: behind a null character anything could hide from it.
    for position, character in enumerate(text) if "\0" in text or not text.isascii() else ():
        if character == "\0" or "\ud800" <= character <= "\udfff":
            what = "a null character" if character == "\0" else "a byte that is not UTF-8"
            raise SqlSyntaxError(f"the SQL contains {what}", text, position, first_line)


def _from_tree(tree: pb.ParseResult) -> Traits:
    if not tree.stmts:
        return Traits(Kind.EMPTY)
    inside = _Inside()
    for _, message in postgast.walk(tree.stmts[0].stmt):
        inside.see(message)
    return Traits(
        kind=_kind(tree.stmts[0].stmt, inside),
        functions=tuple(dict.fromkeys(inside.functions)),
        relations=tuple(dict.fromkeys(inside.relations)),
        parameters=inside.parameters,
    )


class _Inside:
    """What a walk over a statement's tree has come across."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self.relations: list[str] = []
        self.parameters = 0
        self.writes = self.into = self.locks = False

    def see(self, message: Message) -> None:
        match message:
            case pb.FuncCall():
                self.functions.append(".".join(_names(message.funcname)))
            case pb.RangeVar():
                parts = (message.schemaname, message.relname)
                self.relations.append(".".join(part for part in parts if part))
            case pb.ParamRef():
                self.parameters = max(self.parameters, message.number)
            case pb.InsertStmt() | pb.UpdateStmt() | pb.DeleteStmt() | pb.MergeStmt():
                self.writes = True
            case pb.IntoClause():
                self.into = True
            case pb.LockingClause():
                self.locks = True


def _names(nodes: object) -> Iterator[str]:
    for node in nodes:  # type: ignore[attr-defined]
        yield node.string.sval


_KINDS = {
    "insert_stmt": Kind.INSERT,
    "update_stmt": Kind.UPDATE,
    "delete_stmt": Kind.DELETE,
    "merge_stmt": Kind.MERGE,
    "explain_stmt": Kind.EXPLAIN,
    "prepare_stmt": Kind.PREPARE,
    "execute_stmt": Kind.EXECUTE,
    "declare_cursor_stmt": Kind.DECLARE_CURSOR,
    "copy_stmt": Kind.COPY,
    "call_stmt": Kind.CALL,
    "do_stmt": Kind.DO,
    "transaction_stmt": Kind.TRANSACTION,
}
_DDL_ACTIONS = frozenset({"CREATE", "ALTER", "DROP", "RENAME", "COMMENT", "GRANT", "REVOKE"})


def _kind(statement: pb.Node, inside: _Inside) -> Kind:
    which = statement.WhichOneof("node") or ""
    if which == "select_stmt":
        return _kind_of_select(inside)
    if which == "create_table_as_stmt":
        view = statement.create_table_as_stmt.objtype == pb.OBJECT_MATVIEW
        return Kind.CREATE_MATERIALIZED_VIEW if view else Kind.CREATE_TABLE_AS
    if known := _KINDS.get(which):
        return known
    described = postgast.classify_statement(statement)
    ddl = described is not None and described.action in _DDL_ACTIONS
    return Kind.DDL if ddl else Kind.UTILITY


def _kind_of_select(inside: _Inside) -> Kind:
    if inside.writes:
        return Kind.WITH_DML
    if inside.into:
        return Kind.SELECT_INTO
    return Kind.SELECT_LOCKING if inside.locks else Kind.SELECT


_FIRST_WORDS = {
    "SELECT": Kind.SELECT,
    "VALUES": Kind.SELECT,
    "TABLE": Kind.SELECT,
    "WITH": Kind.SELECT,
    "INSERT": Kind.INSERT,
    "UPDATE": Kind.UPDATE,
    "DELETE_P": Kind.DELETE,
    "MERGE": Kind.MERGE,
    "EXPLAIN": Kind.EXPLAIN,
    "PREPARE": Kind.PREPARE,
    "EXECUTE": Kind.EXECUTE,
    "DECLARE": Kind.DECLARE_CURSOR,
    "COPY": Kind.COPY,
    "CALL": Kind.CALL,
    "DO": Kind.DO,
    "CREATE": Kind.DDL,
    "ALTER": Kind.DDL,
    "DROP": Kind.DDL,
}
_WRITING_WORDS = frozenset({"INSERT", "UPDATE", "DELETE_P", "MERGE"})
_LOCKING_WORDS = ("UPDATE", "SHARE", "NO", "KEY")


_COMMENTS = (pb.SQL_COMMENT, pb.C_COMMENT)
_QUERY_STARTS = (pb.SELECT, pb.VALUES, pb.TABLE, pb.WITH, pb.ASCII_40)


@dataclass(frozen=True, slots=True)
class _Token:
    name: str
    text: str


def _tokens(text: str) -> tuple[_Token, ...]:
    encoded = text.encode()
    return tuple(
        _Token(pb.Token.Name(token.token), encoded[token.start : token.end].decode())
        for token in postgast.scan(text).tokens
        if token.token not in _COMMENTS
    )


def _from_words(text: str) -> Traits:
    tokens = _tokens(text)
    first = next((token.name for token in tokens if token.name != "ASCII_40"), "")
    numbers = (int(token.text[1:]) for token in tokens if token.name == "PARAM")
    return Traits(
        kind=_cautious(_FIRST_WORDS.get(first, Kind.UTILITY), tokens),
        functions=tuple(dict.fromkeys(_called(tokens))),
        parameters=max(numbers, default=0),
        exact=False,
    )


def _cautious(kind: Kind, tokens: tuple[_Token, ...]) -> Kind:
    names = [token.name for token in tokens]
    if kind is not Kind.SELECT:
        return kind
    if any(a == "FOR" and b in _LOCKING_WORDS for a, b in pairwise(names)):
        return Kind.SELECT_LOCKING
    if _WRITING_WORDS.intersection(names):
        return Kind.WITH_DML
    return Kind.SELECT_INTO if "INTO" in names else Kind.SELECT


def _called(tokens: tuple[_Token, ...]) -> Iterator[str]:
    """Every name before a parenthesis: all functions, and some names that are none."""
    name = ""
    for token in tokens:
        if token.name == "ASCII_40" and name:
            yield name
        if token.name == "ASCII_46" and name:
            name += "."
        elif token.name == "IDENT" or token.text[:1].isalpha():
            name = (name if name.endswith(".") else "") + unquoted(token.text)
        else:
            name = ""


def unquoted(name: str) -> str:
    """A name as the server keeps it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def inside_explain(text: str) -> str:
    """The statement that an EXPLAIN statement explains."""
    tokens = [each for each in postgast.scan(text).tokens if each.token not in _COMMENTS]
    at = 1
    if tokens[1].token == pb.ASCII_40 and tokens[2].token not in _QUERY_STARTS:
        at = 1 + next(i for i, each in enumerate(tokens[1:], 1) if each.token == pb.ASCII_41)
    while tokens[at].token in (pb.ANALYZE, pb.ANALYSE, pb.VERBOSE):
        at += 1
    return text.encode()[int(tokens[at].start) :].decode()
