"""What to do about an error of a revision: the next step, in the user's own names."""

import importlib.util
import re

from dbtool.errors import UsageError
from dbtool.migrate.servererror import ServerError
from dbtool.scratch.binaries import with_extension
from dbtool.sql.names import identifier

_TYPE_EXISTS = re.compile(r'^type "(.+)" already exists$')
_UNDEFINED = re.compile(r"^name '(\w+)' is not defined$")
_DENIED = re.compile(r'^permission denied for (schema|table|view|sequence) "?([^"]+)"?$')
_NO_EXTENSION = re.compile(r'\bextension "([^"]+)" is not available$|/extension/([^/"]+)\.control"')
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_WORKS_ON_ROWS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"})
_ABSENT = frozenset({"42P01", "42703", "3F000", "42704", "42883"})
_PRESENT = frozenset({"42P07", "42701", "42710", "42P06"})
_BY_CODE = {
    "42501": "Run it as the role that owns these objects (--url).",
    "25006": "The session is read-only: a standby, or a role or database that is so by default.",
    "53100": "The server's disk is full. Free space there, then run it again.",
    "55P03": "Another session holds a lock it needs; run it again when that session has ended.",
    "40P01": "Two sessions waited for each other; run it again.",
}


def advice(server: ServerError, *, from_empty: bool) -> str:
    """The next step; `from_empty` says that the first revision failed on an empty database."""
    if server.statement.upper().startswith("CREATE DATABASE"):
        return (
            "env.py may look for its database on the server that was named, and create none"
            " there. Give env.py the same URL as dbtool, or leave the creation out."
        )
    if server.sqlstate == "42710" and (left := _TYPE_EXISTS.search(server.message)):
        return (
            f"Where no table uses it, an earlier downgrade left it behind: DROP TYPE {left[1]}."
            f' For the next time, let that downgrade() end with op.execute("DROP TYPE {left[1]}").'
        )
    if server.sqlstate == "23502" and "contains null values" in server.message:
        return (
            "Rows are there already: give the column a server_default, or add it nullable, fill"
            " it, and set NOT NULL in a revision after that."
        )
    if from_empty and server.sqlstate in _ABSENT:
        return (
            "This history does not build from an empty database. If its tables are made"
            " otherwise (create_all, a dump), make them, then record the revision they"
            " correspond to: dbtool stamp REVISION."
        )
    if from_empty and server.sqlstate in _PRESENT:
        return (
            "The objects are there and no revision is recorded. If the database already"
            " corresponds to a revision, record it: dbtool stamp REVISION."
        )
    if server.sqlstate == "42501" and (denied := _DENIED.match(server.message)):
        return _grant(denied[1], denied[2], server.statement)
    if lacking := lacks_extension(server.message):
        return _install(lacking)
    return _BY_CODE.get(server.sqlstate or "", "")


def lacks_extension(message: str) -> str:
    """The extension whose files a server does not have, as it says itself; before 15 by a path."""
    found = _NO_EXTENSION.search(message)
    return (found[1] or found[2]) if found else ""


def _install(extension: str) -> str:
    """A DBTOOL_PG_BIN that names no programs must not hide what failed."""
    try:
        others = with_extension(extension)
    except UsageError:
        others = ()
    named = f": {others[0].directory} has it" if others else ""
    return (
        "Its files must be installed on the server's machine. For a server that dbtool starts,"
        f" DBTOOL_PG_BIN can name other programs{named}."
    )


def _grant(kind: str, name: str, statement: str) -> str:
    """The right a statement lacked, on what it lacked it."""
    verb = statement.partition(" ")[0].upper()
    if kind == "schema":
        rights = "USAGE, CREATE" if verb in ("CREATE", "ALTER") else "USAGE"
        what = f"SCHEMA {written(name)}"
    elif kind == "sequence":
        rights, what = "USAGE", f"SEQUENCE {_qualified(name, statement)}"
    elif verb in _WORKS_ON_ROWS:
        rights, what = verb, _qualified(name, statement)
    else:
        return _BY_CODE["42501"]
    return (
        f"Run it as the role that owns {what.removeprefix('SCHEMA ')} (--url), or let that role"
        f" GRANT {rights} ON {what} TO the role you use."
    )


def _qualified(name: str, statement: str) -> str:
    """A table as the statement names it: the server's message leaves its schema out."""
    schema = re.search(rf'("[^"]+"|\w+)\."?{re.escape(name)}\b', statement)
    return f"{schema[1]}.{written(name)}" if schema else written(name)


def written(name: str) -> str:
    """An identifier as people write it in a GRANT."""
    return name if _PLAIN.fullmatch(name) else identifier(name)


def missing_import(error: BaseException) -> str:
    """Autogenerate writes the types of a library; whoever wrote the template knew none of them."""
    found = _UNDEFINED.match(str(error)) if isinstance(error, NameError) else None
    if found is None or importlib.util.find_spec(found[1]) is None:
        return ""
    return f"Add import {found[1]} to the revision, and to script.py.mako for those to come."
