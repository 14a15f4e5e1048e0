"""Write a statement that a driver was given with parameters as plain SQL."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Protocol, cast
from uuid import UUID

import postgast
from postgast import pg_query_pb2 as pb
from sqlalchemy import BindParameter, ClauseElement, Insert, TextClause, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError, InvalidRequestError
from sqlalchemy.schema import DDLElement
from sqlalchemy.sql import visitors

from dbtool.errors import OperationError
from dbtool.sql.names import string_literal


class _Mogrifies(Protocol):
    def mogrify(self, statement: str, parameters: object, /) -> str | bytes:
        """The statement with its parameters put in."""


def rendered(driver: str, connection: object, statement: str, parameters: object) -> str:
    """The statement with its parameters as literals, in the way of the driver that ran it.

    Drivers that can write literals are asked: they know which types they would have sent.
    asyncpg sends text forms whose types the server infers, as it does for quoted literals.
    """
    if driver == "asyncpg":
        return _numbered(statement, cast("Sequence[object]", parameters or ()))
    if driver in ("psycopg", "psycopg_async"):
        psycopg: Any = importlib.import_module("psycopg")
        kind = psycopg.AsyncClientCursor if driver == "psycopg_async" else psycopg.ClientCursor
        return _mogrified(kind(connection), statement, parameters)
    if driver == "psycopg2":
        return _mogrified(cast("Any", connection).cursor(), statement, parameters)
    if not parameters:
        return statement
    raise OperationError(
        f"parameters of the driver {driver} cannot be written as SQL",
        detail=statement,
        hint="psycopg and asyncpg can.",
    )


def _mogrified(cursor: _Mogrifies, statement: str, parameters: object) -> str:
    said = cursor.mogrify(statement, parameters)
    return said if isinstance(said, str) else said.decode()


def _numbered(statement: str, parameters: Sequence[object]) -> str:
    """Put literals where the parser sees `$1`, and nowhere else."""
    if not parameters:
        return statement
    encoded, parts, at = statement.encode(), [], 0
    for token in postgast.scan(statement).tokens:
        if token.token == pb.PARAM:
            number = int(encoded[token.start + 1 : token.end])
            parts += [encoded[at : token.start].decode(), literal(parameters[number - 1])]
            at = token.end
    return "".join([*parts, encoded[at:].decode()])


def with_values(construct: object, parameters: object, dialect: Dialect) -> Iterator[str]:
    """A statement of SQLAlchemy's with its values as literals, once for each set of values."""
    if isinstance(construct, str):
        construct = text(construct)
    if isinstance(construct, DDLElement):
        yield str(construct.compile(dialect=dialect))
    elif not isinstance(construct, ClauseElement):
        raise TypeError(f"{type(construct).__name__} is not a statement")
    elif not parameters:
        yield _inline(construct, dialect)
    elif isinstance(parameters, Mapping):
        yield _bound(construct, parameters, dialect)
    elif isinstance(construct, Insert):
        yield _inline(construct.values(cast("Sequence[object]", parameters)), dialect)
    else:
        for each in cast("Sequence[Mapping[str, object]]", parameters):
            yield _bound(construct, each, dialect)


def _bound(construct: ClauseElement, parameters: Mapping[str, object], dialect: Dialect) -> str:
    if not isinstance(construct, TextClause):
        return _substituted(construct, parameters)
    named = {name: parameters[name] for name in construct._bindparams if name in parameters}
    return _inline(construct.bindparams(**named), dialect)


def _inline(construct: ClauseElement, dialect: Dialect) -> str:
    """As SQLAlchemy writes literals; not every type of every project can be written by it."""
    for each in visitors.iterate(construct):
        if isinstance(each, BindParameter) and each.required:
            raise InvalidRequestError(f"A value is required for bind parameter {each.key!r}")
    try:
        return str(construct.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except (CompileError, NotImplementedError, TypeError, ValueError):
        return _substituted(construct, {})


def _substituted(construct: ClauseElement, parameters: Mapping[str, object]) -> str:
    """As the driver would send it, its placeholders replaced by what they stand for."""
    compiled: Any = construct.compile(dialect=_numbering(), column_keys=list(parameters) or None)
    compiled.construct_params(parameters, _check=True)
    state = compiled.construct_expanded_state(parameters)
    convert = {**compiled._bind_processors, **state.processors}
    values = [
        convert[name](state.parameters[name]) if name in convert else state.parameters[name]
        for name in state.positiontup or ()
    ]
    return _numbered(state.statement, values)


@cache
def _numbering() -> Any:
    """A dialect whose placeholders the parser finds again; its driver knows ranges and the like."""
    dialect: Any = importlib.import_module("sqlalchemy.dialects.postgresql.asyncpg").dialect
    return dialect(dbapi=dialect.import_dbapi())


def holds_parameters(construct: object, dialect: Dialect) -> bool:
    """Whether a statement, rendered without literals, leaves placeholders for its values."""
    if isinstance(construct, str):
        construct = text(construct)
    if not isinstance(construct, ClauseElement) or isinstance(construct, DDLElement):
        return False
    binds: Mapping[str, object] = getattr(construct.compile(dialect=dialect), "binds", {})
    return bool(binds)


def literal(value: object) -> str:
    """A value as a quoted literal, whose type the server infers."""
    return "NULL" if value is None else string_literal(_text(value))


def _text(value: object) -> str:
    """The text form that PostgreSQL reads for a Python value."""
    match value:
        case Enum():
            return _text(value.value)
        case bool():
            return "true" if value else "false"
        case str() | int() | float() | Decimal() | UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            parts = (value.days, value.seconds, value.microseconds)
            return "{} days {} seconds {} microseconds".format(*parts)
        case list() | tuple():
            return "{" + ",".join(map(_element, value)) + "}"
        case Mapping():
            import json

            return json.dumps(value)
    return _range(value) if hasattr(value, "lower_inc") else str(value)


def _range(value: Any) -> str:
    """A range, whichever driver's class it is."""
    if getattr(value, "isempty", False):
        return "empty"
    ends = ("" if each is None else _element(each) for each in (value.lower, value.upper))
    opening, closing = "[" if value.lower_inc else "(", "]" if value.upper_inc else ")"
    return f"{opening}{','.join(ends)}{closing}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return _text(value)
    escaped = _text(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
