"""Statements that a server remembers: from pg_stat_statements, or what a session runs."""

import re

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError

_BY_QUERYID = """
SELECT query FROM {schema}.pg_stat_statements
WHERE queryid = $1 AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY calls DESC LIMIT 1
"""
_HIDES = """
SELECT EXISTS (SELECT FROM {schema}.pg_stat_statements WHERE queryid IS NULL)
"""
_SCHEMA = """
SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_BY_PID = """
SELECT query, datname = current_database() AS here, datname, backend_type,
  (SELECT setting::int FROM pg_settings WHERE name = 'track_activity_query_size') AS most
FROM pg_stat_activity WHERE pid = $1
"""
_TYPED = re.compile(r"\b(interval|date|timestamptz|timestamp|time)\s+(\$\d+)", re.I)
_SHORTENED = re.compile(r"\s*/\*, \.\.\. \*/")
_PREPARE = re.compile(r'\s*prepare\s+(?:"(?:[^"]|"")+"|[\w$]+)\s*(?:\([^)]*\))?\s*as\b\s*', re.I)
_READS_ALL = "GRANT pg_read_all_stats lets a role see them."
_HIDDEN = "<insufficient privilege>"


def by_queryid(target: Target, queryid: int) -> str:
    """The statement of a queryid, its constants replaced by `$1`, `$2`, …"""
    with SyncConnection(target, read_only=True) as connection:
        schema = connection.fetchval(_SCHEMA)
        if schema is None:
            raise UsageError(
                "pg_stat_statements is not installed in this database",
                hint="CREATE EXTENSION pg_stat_statements; needs shared_preload_libraries.",
            )
        query = connection.fetchval(_BY_QUERYID.format(schema=schema), queryid)
        hides = query is None and connection.fetchval(_HIDES.format(schema=schema))
    if hides:
        raise OperationError(
            f"this role sees no statement {queryid} of this database in pg_stat_statements",
            detail="The statements of other roles are hidden from it.",
            hint=_READS_ALL,
        )
    if query is None:
        raise UsageError(
            f"pg_stat_statements has no statement {queryid} in this database",
            detail="It may have been of another database, or been pushed out by others.",
        )
    _check_visible(str(query), f"statement {queryid}")
    return readable(str(query))


def by_pid(target: Target, pid: int) -> str:
    """What a session runs, or ran last."""
    with SyncConnection(target, read_only=True) as connection:
        row = connection.fetchrow(_BY_PID, pid)
    if row is None:
        raise UsageError(f"there is no session {pid}", hint="dbtool now lists sessions.")
    query = str(row["query"] or "")
    if not row["here"] or not query.strip():
        what = "has run no statement" if row["here"] else f"is in the database {row['datname']}"
        if row["datname"] is None:
            what = "is in no database"
        # What others' sessions are is shown to those alone who may see their statements.
        kind = f"It is a {row['backend_type']}." if row["backend_type"] else ""
        raise UsageError(f"the session {pid} {what}", detail=kind)
    _check_visible(query, f"the session {pid}")
    if len(query.encode()) >= row["most"] - 1:
        raise UsageError(
            f"the server has only the beginning of what the session {pid} runs",
            detail=f"track_activity_query_size is {row['most']} bytes.",
            hint="Take the statement from the application, or by --queryid.",
        )
    return readable(query)


def _check_visible(query: str, what: str) -> None:
    if query == _HIDDEN:
        raise OperationError(
            f"{what} belongs to another role, whose statements are hidden",
            hint=_READS_ALL,
        )


def readable(query: str) -> str:
    """Text that parses, which it may not where constants were taken out; of PREPARE, the inside."""
    query = _PREPARE.sub("", query, count=1) if _PREPARE.match(query) else query
    return _TYPED.sub(r"\2::\1", _SHORTENED.sub("", query))
