"""What the server refused, told so that the next step is clear."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from asyncpg.exceptions import InterfaceError, PostgresError

from dbtool.errors import ConnectError, DbtoolError, LockNotObtained, OperationError, UsageError
from dbtool.sql.text import excerpt

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_NAME = re.compile(r'"([^"]+)"')
_RELATIONS = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
       ELSE n.nspname || '.' || c.relname END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1 LIMIT 20000
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: the user's statement behind `prefix` characters of our own."""

    text: str
    line: int
    prefix: int
    seconds: float


async def tell(error: PostgresError, sent: Sent, connection: "Connection") -> DbtoolError:
    """The error for one the server raised; may ask it for names that are near."""
    state, message = _said(error, "sqlstate"), _said(error, "message") or str(error)
    match state:
        case "42P01":
            return UsageError(
                message, detail=_detail(error, sent), hint=await _near(error, connection)
            )
        case "42501":
            hint = "Explaining takes the rights the statement itself takes."
            return OperationError(message, detail=_detail(error, sent), hint=hint)
        case "57014" if ran_out(error):
            return timed_out(sent.seconds)
        case "55P03":
            return LockNotObtained(
                "a table of the statement is locked by another session",
                detail=f"{message}. Nothing was run.",
                hint="dbtool pool shows sessions that sit in a transaction.",
            )
        case "25006":
            return UsageError(
                "the statement writes while it runs, through a function it calls",
                detail=f"{message}. It was rolled back.",
                hint="--no-analyze shows the plan without running the statement.",
            )
    # One who lost another server, as a foreign table's, raises an error and goes on.
    if state.startswith(("08", "57P")) and _said(error, "severity_en") != "ERROR":
        return ConnectError("the server ended the connection", detail=message)
    kind = UsageError if state.startswith("42") else OperationError
    return kind(message, detail=_detail(error, sent), hint=_said(error, "hint"))


def misfit(error: PostgresError, values: Sequence[str | None]) -> UsageError | None:
    """The error for a value that is none of its parameter's type; None for any other."""
    message = _said(error, "message") or str(error)
    if not _said(error, "sqlstate").startswith("22"):
        return None
    for place, value in enumerate(values, 1):
        if value is not None and f'"{value}"' in message:
            return UsageError(
                f"the value of parameter {place} does not fit: {value}",
                detail=f"{message[0].upper()}{message[1:]}.",
                hint="Give a value of the type the statement compares it with: --param VALUE.",
            )
    return None


def ran_out(error: PostgresError) -> bool:
    """Whether a statement was cancelled for taking longer than it may."""
    return _said(error, "sqlstate") == "57014" and "statement timeout" in _said(error, "message")


def waited_in_vain(error: PostgresError) -> bool:
    """Whether the lock_timeout ended a wait here; NOWAIT waits for nobody, and says the same.

    Messages are translated, the place in the server's source is not.
    """
    place = _said(error, "server_source_function")
    return _said(error, "sqlstate") == "55P03" and place == "ProcessInterrupts"


def timed_out(seconds: float) -> OperationError:
    """The error for a statement that ran out of time."""
    return OperationError(
        f"the statement did not finish within {seconds:g} s",
        detail="It was cancelled and rolled back. PostgreSQL shows no plan of half a run.",
        hint=f"--timeout {2 * seconds:g} gives it longer; --no-analyze only plans it, and with"
        " --advise looks for an index.",
    )


def _said(error: PostgresError, field: str) -> str:
    """A field of the server's message; asyncpg sets those that were sent."""
    return getattr(error, field, None) or ""


def _detail(error: PostgresError, sent: Sent) -> str:
    lines = [_said(error, "detail"), place(error, sent)]
    return "\n".join(line for line in lines if line)


def place(error: PostgresError, sent: Sent) -> str:
    """The line the server points at, with a caret."""
    position = _said(error, "position")
    if not position:
        return ""
    offset = int(position) - 1 - sent.prefix
    return excerpt(sent.text, offset, sent.line) if 0 <= offset <= len(sent.text) else ""


async def _near(error: PostgresError, connection: "Connection") -> str:
    """A hint with the relations whose names are like the one that does not exist."""
    named = _NAME.search(str(error))
    try:
        names = [str(row[0]) for row in await connection.fetch(_RELATIONS)]
    except (PostgresError, InterfaceError, OSError):
        names = []
    bare = {each.rpartition(".")[2]: each for each in names}
    missing = named[1].rpartition(".")[2].lower() if named else ""
    close = get_close_matches(missing, list(bare), n=3, cutoff=0.6)
    if not close:
        return "Is it in another schema or database?"
    return f"Did you mean {' or '.join(bare[each] for each in close)}?"
