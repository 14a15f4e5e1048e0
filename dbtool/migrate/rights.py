"""Whether a session may record revisions at all, asked before the first of them runs.

A revision that cannot be recorded has run all the same, and what it did outside of its
transaction stays.
"""

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.errors import OperationError
from dbtool.migrate.advice import written
from dbtool.migrate.record import Table
from dbtool.migrate.statements import answer
from dbtool.sql.names import string_literal

_READ_ONLY = "read-only"


def question(table: Table) -> str:
    """SQL for what is in the way: null, or `read-only`, or the owner of the version table.

    Whoever may become the owner may do so in env.py or in a revision.
    """
    here = "pg_catalog.pg_table_is_visible(c.oid)"
    if table.schema:  # to_regclass() fails in a schema that may not be used
        here = f"n.nspname = {string_literal(table.schema)}"
    verb = "UPDATE" if table.before else "INSERT"
    return f"""
        CASE WHEN pg_catalog.current_setting('transaction_read_only') = 'on' THEN '{_READ_ONLY}'
        ELSE (SELECT CASE WHEN pg_catalog.has_any_column_privilege(c.oid, '{verb}')
                            OR pg_catalog.pg_has_role(c.relowner, 'MEMBER') THEN NULL
                     ELSE current_user || pg_catalog.chr(10)
                            || pg_catalog.pg_get_userbyid(c.relowner)
                     END
                FROM pg_catalog.pg_class c
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relname = {string_literal(table.name)} AND {here}) END"""


def note(connection: DBAPIConnection, table: Table, database: str) -> str:
    """What would end a run before its first revision, for a plan; empty where nothing would."""
    (answered,) = answer(connection, f"SELECT {question(table)}")
    refused = refusal(answered, table, database)
    return f"it would be refused here: {refused.message}" if refused else ""


def refusal(answered: object, table: Table, database: str) -> OperationError | None:
    """The error for what was answered; None where nothing is in the way."""
    if answered is None:
        return None
    if answered == _READ_ONLY:
        return OperationError(
            f"{database} cannot be changed in this session: it is read-only",
            detail="No revision has run. The server is a standby, or the role or the database is"
            " read-only by default.",
            hint="Name the primary, or a role that may write, with --url.",
        )
    role, _, owner = str(answered).partition("\n")
    verb = "UPDATE" if table.before else "INSERT"
    return OperationError(
        f'the role "{role}" may not record revisions: it has no {verb} on {table.shown}',
        detail="No revision has run.",
        hint=f"Run it as {owner}, who owns the table (--url), or let that role GRANT SELECT,"
        f" INSERT, UPDATE, DELETE ON {table.shown} TO {written(role)}.",
    )
