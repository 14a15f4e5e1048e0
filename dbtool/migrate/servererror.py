"""What PostgreSQL said, read from whatever a driver and SQLAlchemy made of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, StatementError

from dbtool.imports import without_passwords


@dataclass(frozen=True, slots=True)
class ServerError:
    """What PostgreSQL said, in its own fields."""

    message: str
    sqlstate: str | None
    detail: str = ""
    hint: str = ""
    statement: str = ""


def server_error(error: BaseException) -> ServerError | None:
    """What the server said, wherever in the chain of exceptions it is."""
    for each in chain(error):
        if isinstance(each, DBAPIError) and each.orig is not None:
            return _fields(each.orig, (each.statement or "").strip())
        if isinstance(each, StatementError):
            continue
        if _sqlstate(each) is not None:
            return _fields(each, "")
    return None


def sqlstate_of(error: BaseException) -> str | None:
    """The server's code for an error, wherever in the chain of exceptions it is."""
    server = server_error(error)
    return server.sqlstate if server else None


def handled(error: BaseException) -> ServerError | None:
    """The error that was being handled when this one of the server came, if there was any."""
    found = [each for each in chain(error) if isinstance(each, DBAPIError)]
    return server_error(found[1]) if len(found) > 1 else None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, and what that was raised in."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _fields(error: BaseException, statement: str) -> ServerError:
    source: object = error
    for each in (getattr(error, "driver_exception", None), error.__cause__, error):
        if each is not None and _sqlstate(each) is not None:
            source = each
            break
    diagnosis = getattr(source, "diag", None)
    message = getattr(diagnosis, "message_primary", None) or getattr(source, "message", None)
    return ServerError(
        message=without_passwords(str(message or source).strip().partition("\n")[0]),
        sqlstate=_sqlstate(source),
        detail=str(getattr(diagnosis or source, _name(diagnosis, "detail"), None) or ""),
        hint=str(getattr(diagnosis or source, _name(diagnosis, "hint"), None) or ""),
        statement=statement,
    )


def _name(diagnosis: object, field: str) -> str:
    return field if diagnosis is None else f"message_{field}"


def _sqlstate(error: object) -> str | None:
    for name in ("sqlstate", "pgcode"):
        value = getattr(error, name, None)
        if isinstance(value, str) and len(value) == 5:
            return value
    return None
