"""Write proposals into the text of a script of SQL: statements, and nothing around them."""

from collections.abc import Sequence

from dbtool.finding import Finding
from dbtool.lint.fixing.mechanical import in_one
from dbtool.lint.fixing.place import Edit, Mended, NotMechanical, Result, applied, check_texts
from dbtool.lint.fixing.sql import as_sql
from dbtool.sql.script import Piece, Role, split
from dbtool.statement import Migration, Statement

_IN_TRANSACTION = "it stands in a transaction; what is to run by itself cannot be in one"


def mend(_: Migration, text: str, wanted: Sequence[Mended]) -> Result:
    """The script with each proposal in the place of the statement it is about."""
    pieces = [each for each in split(text) if each.role is Role.STATEMENT]
    edits: list[Edit] = []
    fixed: list[Finding] = []
    refused: list[tuple[Finding, str]] = []
    for each in wanted:
        try:
            if sum(other.statement is each.statement for other in wanted) > 1:
                raise NotMechanical("several of its parts need a way of their own")
            edits.append(_edit(pieces, each))
            fixed.append(each.finding)
        except NotMechanical as problem:
            refused.append((each.finding, problem.reason))
    return Result(applied(text, edits), tuple(fixed), tuple(refused))


def _edit(pieces: Sequence[Piece], each: Mended) -> Edit:
    if each.statement.transaction is not None:
        raise NotMechanical(_IN_TRANSACTION)
    check_texts(each.statement.sql)
    assert each.finding.fix is not None
    piece = _piece(pieces, each.statement)
    statements = as_sql(in_one(each.finding.fix.code, alone=True))
    kept = "".join(statements)
    if any(mark in piece.text and mark not in kept for mark in ("--", "/*")):
        raise NotMechanical("a comment inside the statement would be lost")
    return Edit(
        piece.byte_offset, piece.byte_offset + len(piece.text.encode()), ";\n".join(statements)
    )


def _piece(pieces: Sequence[Piece], statement: Statement) -> Piece:
    found = [each for each in pieces if (each.line, each.text) == (statement.line, statement.sql)]
    if len(found) != 1:
        raise NotMechanical("its place in the file is not certain")
    return found[0]
