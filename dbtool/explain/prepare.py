"""Check the statements of a text before anything is sent to a server."""

from dataclasses import dataclass

from dbtool.errors import UsageError
from dbtool.explain import parameters, safety
from dbtool.psql import Piece, Role, split
from dbtool.sql import Kind, Traits, inside_explain, traits


@dataclass(frozen=True, slots=True)
class Prepared:
    """One statement that may be explained, its placeholders numbered.

    `values` are those of the placeholders; None is NULL.
    """

    text: str
    line: int
    traits: Traits
    values: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """The statements of a text, and notes on what was left out of it."""

    statements: tuple[Prepared, ...]
    notes: tuple[str, ...]


def prepare(sql: str, given: tuple[str, ...] = (), *, analyze: bool = True) -> Script:
    """The statements to explain; UsageError where one cannot be, or there is none."""
    statements: list[Prepared] = []
    notes: list[str] = []
    for piece in split(sql):
        if piece.role is Role.META:
            notes.append(f"line {piece.line}: psql's {piece.text.split()[0]} was left out")
        elif piece.role is Role.STATEMENT:
            each = _prepared(piece, given, analyze=analyze)
            if each is None:
                notes.append(f"line {piece.line}: {piece.text.split()[0].upper()} was left out")
            else:
                statements.append(each)
                notes += _notes(each)
    if not statements:
        raise UsageError(
            "there is no statement to explain",
            hint='Give one as an argument, with -f FILE, or on stdin: dbtool explain "SELECT …"',
        )
    return Script(tuple(statements), tuple(notes))


def _prepared(piece: Piece, given: tuple[str, ...], *, analyze: bool) -> Prepared | None:
    numbered = parameters.number(piece.text)
    found = traits(numbered.text, piece.line)
    if found.kind is Kind.EXPLAIN:
        numbered = parameters.number(inside_explain(piece.text))
        found = traits(numbered.text, piece.line)
    if found.kind in (Kind.TRANSACTION, Kind.EMPTY):
        return None
    safety.check_kind(piece.line, found.kind, analyze=analyze)
    values = parameters.assign(numbered.names, given)
    return Prepared(numbered.text, piece.line, found, values)


def _notes(statement: Prepared) -> tuple[str, ...]:
    if statement.traits.exact:
        return ()
    return (
        f"line {statement.line}: nested too deeply to analyse; what it does was told from its"
        " words",
    )
