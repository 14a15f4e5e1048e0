"""A script of SQL as a migration: its statements, their lines, and what commits together."""

import re
from collections.abc import Iterator
from itertools import count

from dbtool.sql.script import Piece, Role, split
from dbtool.statement import Gap, Migration, Statement

_BEGINS = ("BEGIN", "START TRANSACTION")
_ENDS = ("COMMIT", "END", "ROLLBACK", "ABORT")
_BOOKKEEPING = re.compile(
    r'(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:[\w"]+\.)?"?alembic_version"?\s', re.I
)
"""What Alembic notes for itself in the scripts it writes."""


def migration(text: str, file: str, *, one_transaction: bool = False) -> Migration:
    """Read a script as psql would run it: each statement commits alone, unless it says BEGIN.

    With `one_transaction` it runs as a whole, as `psql --single-transaction` and most migration
    tools do. psql's own commands are gaps: what they do to the script is not known. What
    Alembic's scripts note of themselves in its version table is left out.
    """
    pieces = split(text)
    return Migration(
        name=file,
        file=file,
        text=text,
        up=tuple(_statements(pieces, file, one_transaction=one_transaction)),
        gaps=tuple(_gaps(pieces)),
    )


def _statements(
    pieces: tuple[Piece, ...], file: str, *, one_transaction: bool
) -> Iterator[Statement]:
    numbers = count(1)
    transaction = next(numbers) if one_transaction else None
    for piece in pieces:
        if piece.role is not Role.STATEMENT or _BOOKKEEPING.match(piece.text):
            continue
        words = " ".join(piece.text[:40].upper().split())
        if not one_transaction and words.startswith(_BEGINS) and transaction is None:
            transaction = next(numbers)
        yield Statement(piece.text, file, piece.line, transaction=transaction, source=piece.text)
        if not one_transaction and words.split(" ")[0] in _ENDS and "TO " not in words:
            transaction = None


_HARMLESS = (
    "\\restrict",
    "\\unrestrict",
    "\\echo",
    "\\qecho",
    "\\timing",
    "\\set",
    "\\pset",
    "\\.",
)


def _gaps(pieces: tuple[Piece, ...]) -> Iterator[Gap]:
    for piece in pieces:
        command = piece.text.split(maxsplit=1)[0] if piece.text else ""
        if piece.role is Role.META and command not in _HARMLESS:
            yield Gap(piece.line, f"what psql's {command} does here is not known")
