"""Whether the project's own code failed, or what it needs is not where it ran."""

import re

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from dbtool.errors import DbtoolError, OperationError
from dbtool.migrate.advice import lacks_extension
from dbtool.migrate.lookup import NotAmongFiles
from dbtool.migrate.servererror import ServerError, chain, server_error

_NOT_HERE = frozenset({"42P01", "3F000", "42704", "42883"})
"""A table, schema, type, role or function that the history takes for granted."""
_OF_THE_SERVER = ("08", "25", "40", "42501", "53", "55", "57", "58", "F0", "HV")
"""Connections, transactions that failed before or met others, rights, resources, locks, files and
foreign servers: they are not the same everywhere and always."""
_OF_THE_REVISION = frozenset({"25001", "55P04"})
"""What cannot run inside a transaction, and an enum's value used in the one that adds it: these
codes stand among those, and mean the same everywhere."""
_NOT_IN_FROM = "missing FROM-clause entry for table "
"""A mistake wherever it runs, with the code of a table that is lacking."""
_OF_THE_MACHINE = re.compile(
    r"^could not (?:create locale|open collator) |^time zone "
    r'|^invalid value for parameter "(?:TimeZone|lc_\w+|default_text_search_config'
    r'|default_toast_compression|default_tablespace|temp_tablespaces)"'
    r'|^role "[^"]+" does not exist$|^extension "[^"]+" has no | not supported (?:in|by) this build'
    r"| requires the server to be built with "
)
"""Locales, time zones, roles of SET ROLE, versions of extensions and what is compiled in: their
codes are those of other mistakes too."""


def is_fault(error: DbtoolError) -> bool:
    """Whether env.py or a revision raised what it would raise in any place, at any time."""
    if isinstance(error, NotAmongFiles) or not isinstance(error, OperationError):
        return False
    if all(isinstance(each, DbtoolError) for each in chain(error)):
        return False
    if any(map(_is_lost, chain(error))):
        return False
    return not any(_is_lacking(each) for each in map(server_error, chain(error)) if each)


def _is_lost(error: BaseException) -> bool:
    """Whether a connection ended: the driver says that itself, without a code of the server."""
    if not isinstance(error, DBAPIError):
        return False
    said = server_error(error)
    coded = said is not None and said.sqlstate is not None
    of_driver = isinstance(error, InterfaceError | OperationalError) and not coded
    return error.connection_invalidated or of_driver


def _is_lacking(server: ServerError) -> bool:
    """Whether the server says that something is not there, or cannot be had now."""
    if lacks_extension(server.message) or server.statement.upper().startswith("CREATE EXTENSION"):
        return True
    if any(map(_OF_THE_MACHINE.search, (server.message, server.detail))):
        return True
    state = server.sqlstate or ""
    if state in _OF_THE_REVISION or server.message.startswith(_NOT_IN_FROM):
        return False
    return state in _NOT_HERE or state.startswith(_OF_THE_SERVER)
