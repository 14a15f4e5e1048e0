"""Check the statements of a text before anything is sent to a server."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbtool.errors import UsageError
from dbtool.explain import parameters, safety
from dbtool.explain.inner import with_inner
from dbtool.sql.classify import Kind, Traits, inside_explain, traits
from dbtool.sql.script import Piece, Role, split


@dataclass(frozen=True, slots=True)
class Prepared:
    """One statement that may be explained, its placeholders numbered.

    `values` are those of the placeholders; None is NULL. `open` are placeholders that were
    given none, where the statement is planned for any values. `unread` tells that it hands SQL
    to a function which is put together only while it runs.
    """

    text: str
    line: int
    traits: Traits
    values: tuple[str | None, ...] = ()
    open: tuple[str, ...] = ()
    unread: bool = False

    @property
    def writes(self) -> bool:
        """Whether running it does more than read."""
        return self.traits.kind not in safety.RUNNABLE


@dataclass(frozen=True, slots=True)
class Given:
    """The values for placeholders.

    `words` are as the user wrote them, `bound` what a driver would send for `$1`, `$2`, … Where
    values may be `missing` a statement without them is left open.
    """

    words: tuple[str, ...] = ()
    bound: tuple[str | None, ...] = ()
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """The statements of a text, and notes on what was left out of it."""

    statements: tuple[Prepared, ...]
    notes: tuple[str, ...]


def prepare(sql: str, given: Given, *, analyze: bool = True, writes: bool = False) -> Script:
    """The statements to explain; UsageError where one cannot be, or there is none."""
    statements: list[Prepared] = []
    left_out: list[str] = []
    for piece in split(sql):
        each = None
        if piece.role is Role.STATEMENT:
            each = _prepared(piece, given, analyze=analyze, writes=writes)
        if each is not None:
            statements.append(each)
        elif piece.role in (Role.META, Role.STATEMENT):
            left_out.append(f"{piece.text.split()[0]} (line {piece.line})")
    if not statements:
        raise UsageError(
            "there is no statement to explain",
            hint='Give one as an argument, with -f FILE, or on stdin: dbtool explain "SELECT …"',
        )
    return Script(tuple(statements), tuple(_notes(statements, left_out)))


def _prepared(piece: Piece, given: Given, *, analyze: bool, writes: bool) -> Prepared | None:
    """The statement, without an EXPLAIN around it; None for transaction control."""
    text, line = piece.text, piece.line
    numbered = parameters.number(text)
    found = traits(numbered.text, line)
    if found.kind is Kind.EXPLAIN:
        inner = inside_explain(text)
        line += text.count("\n", 0, len(text) - len(inner))
        numbered = parameters.number(inner)
        found = traits(numbered.text, line)
    if found.kind in (Kind.TRANSACTION, Kind.EMPTY):
        return None
    safety.check_kind(line, found.kind, analyze=analyze, writes=writes)
    if numbered.names and given.missing and not (given.words or given.bound):
        return Prepared(numbered.text, line, found, open=numbered.names)
    values = given.bound or parameters.assign(numbered.names, given.words)
    found, whole = with_inner(found, numbered.text, values)
    return Prepared(numbered.text, line, found, values, unread=not whole)


def _notes(statements: Iterable[Prepared], left_out: list[str]) -> Iterator[str]:
    if left_out:
        yield f"left out: {', '.join(left_out)}"
    for statement in statements:
        if not statement.traits.exact:
            yield (
                f"line {statement.line}: nested too deeply to analyse;"
                " what it does was told from its words"
            )
