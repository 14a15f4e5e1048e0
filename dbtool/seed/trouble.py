"""What the server refused while rows were loaded, told with the table and what is left behind."""

import re

from asyncpg.exceptions import (
    AdminShutdownError,
    DiskFullError,
    IntegrityConstraintViolationError,
    LockNotAvailableError,
    PostgresConnectionError,
    PostgresError,
)

from dbtool.errors import DbtoolError, LockNotObtained, OperationError

NOTHING = "The transaction is rolled back: no row was loaded."
NONE_COMMITTED = "No generated row was committed."
STAYS = "What had been committed stays. --resume loads the rest."
DONE = "It was done already; only the statistics are not up to date."
_COLUMN = re.compile(r"^COPY .*, column (\w+)", re.MULTILINE)
"""How the server says at which value a COPY stopped."""


def told(error: PostgresError, table: str, left: str = NOTHING) -> DbtoolError:
    """What the server refused, in its own words, and what that leaves behind."""
    table = table if '"' in table else f'"{table}"'
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, LockNotAvailableError):
        return LockNotObtained(
            f"{table} is locked by another session",
            detail=left,
            hint="dbtool pool shows who sits in a transaction; run this again when it ended.",
        )
    if isinstance(error, DiskFullError):
        return OperationError(
            f"the server ran out of disk while {table} was filled",
            detail=f"{error}\n{left}".strip(),
            hint="Free some space, or load fewer rows with --rows. What the rows rolled back took"
            " is free again after VACUUM.",
        )
    if isinstance(error, PostgresConnectionError | AdminShutdownError):
        return OperationError(
            f"the connection was lost while {table} was filled",
            detail=f"{error}\n{left}".strip(),
            hint="The server's log says why: somebody ended the session, or the server fell over"
            " a full disk of its write-ahead log or lack of memory.",
        )
    if isinstance(error, IntegrityConstraintViolationError):
        name = getattr(error, "constraint_name", None) or "a constraint"
        return OperationError(
            f"generated rows of {table} do not satisfy {name}",
            detail=f"{error.args[0]}\n{getattr(error, 'detail', '') or ''}".strip() + f"\n{left}",
            hint="Leave the table out by naming the others with --tables.",
        )
    column = _COLUMN.search(getattr(error, "context", None) or "")
    return OperationError(
        f"cannot fill {table}" + (f', column "{column[1]}"' if column else ""),
        detail=f"{said}\n{left}",
        hint="dbtool seed plan shows how each column is made; --tables can leave this one out.",
    )
