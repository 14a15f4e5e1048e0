"""What a role lacks to read a version table, as the GRANT that gives it."""

import re
from contextlib import suppress

from dbtool.database.sync import SyncConnection
from dbtool.errors import DbtoolError, OperationError
from dbtool.migrate.advice import written
from dbtool.migrate.holder import Holder
from dbtool.migrate.record import Record, Table
from dbtool.migrate.servererror import server_error

_READ = re.compile(
    r"SELECT\s[^,]*\bversion_num\b.*\bFROM\s+(?:(\"[^\"]+\"|\w+)\.)?(\"[^\"]+\"|\w+)\s*$", re.DOTALL
)
_CLOSED = """
    WITH seen AS (
        SELECT pg_catalog.btrim(each, ' "') AS schema
          FROM pg_catalog.unnest(pg_catalog.string_to_array(
                   pg_catalog.current_setting('search_path'), ',')) each)
    SELECT n.nspname, current_user,
           pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable,
           pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable,
           EXISTS (SELECT FROM pg_catalog.pg_roles r
                    WHERE pg_catalog.pg_has_role(r.oid, CASE
                              WHEN pg_catalog.current_setting('server_version_num')::int >= 160000
                              THEN 'SET' ELSE 'MEMBER' END)
                      AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')) AS in_reach
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relname = $1 AND c.relkind IN ('r', 'p')
       AND CASE WHEN $2 = '' THEN n.nspname IN (
               SELECT CASE schema WHEN '$user' THEN current_user ELSE schema END FROM seen)
           ELSE n.nspname = $2 END
     ORDER BY n.nspname
"""


def granted(told: DbtoolError, error: BaseException, holder: Holder | None) -> None:
    """Let a failure name the GRANT it takes, where the version table may not be read.

    env.py may become another role: then ours may read it, and the hint stays as it is.
    """
    server = server_error(error)
    read = _READ.search(server.statement) if server else None
    if holder is None or server is None or server.sqlstate != "42501" or read is None:
        return
    schema, name = ((each or "").strip('"') for each in read.groups())
    with suppress(Exception):  # the connection may be what was lost
        told.hint = _lacking(holder.connection, schema, name) or told.hint


def require(connection: SyncConnection, record: Record) -> None:
    """A version table in a schema that the role may not use is not seen at all: it is not empty.

    Whoever may become a role that sees it may have done so in env.py.
    """
    for table in record.tables:
        if not table.before:
            _require(connection, table)


def _require(connection: SyncConnection, table: Table) -> None:
    rows = connection.fetch(_CLOSED, table.name, table.schema or "")
    if rows and not any(in_reach for *_, in_reach in rows):
        schema, role, *_ = rows[0]
        raise OperationError(
            f"the version table could not be read: permission denied for schema {schema}",
            detail=f"{schema}.{table.name} is there, and {role} may not see what it records.",
            hint=_lacking(connection, table.schema or "", table.name),
        )


def _lacking(connection: SyncConnection, schema: str, name: str) -> str:
    """How to give what is missing; empty where nothing is."""
    for found, role, usable, readable, _ in connection.fetch(_CLOSED, name, schema):
        place, to = written(found), written(role)
        grants = [] if usable else [f"GRANT USAGE ON SCHEMA {place} TO {to};"]
        if not readable:
            grants.append(f"GRANT SELECT ON {place}.{written(name)} TO {to};")
        if grants:
            runs = " ".join(grants)
            return f"Name a role that may read it with --url, or let its owner run: {runs}"
    return ""
