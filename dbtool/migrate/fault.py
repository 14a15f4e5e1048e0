"""Whether the project's own code failed, or what it needs is not where it ran."""

from dbtool.errors import DbtoolError, OperationError
from dbtool.migrate.advice import lacks_extension
from dbtool.migrate.servererror import ServerError, chain, server_error

_NOT_HERE = frozenset({"42P01", "3F000", "42704", "42883"})
"""A table, schema, type, role or function that the history takes for granted."""
_OF_THE_SERVER = ("08", "25", "42501", "53", "55", "57", "58")
"""Connections, transactions that failed before, rights, resources and locks: they are not the same
everywhere and always."""


def is_fault(error: DbtoolError) -> bool:
    """Whether env.py or a revision raised what it would raise in any place, at any time."""
    if not isinstance(error, OperationError):
        return False
    if all(isinstance(each, DbtoolError) for each in chain(error)):
        return False
    return not any(_is_lacking(each) for each in map(server_error, chain(error)) if each)


def _is_lacking(server: ServerError) -> bool:
    """Whether the server says that something is not there, or cannot be had now."""
    if lacks_extension(server.message) or server.statement.upper().startswith("CREATE EXTENSION"):
        return True
    state = server.sqlstate or ""
    return state in _NOT_HERE or state.startswith(_OF_THE_SERVER)
