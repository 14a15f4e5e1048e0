"""What of a failure is the project's own, and what is not to be had where it ran."""

import pytest
from sqlalchemy import create_engine, exc, text

from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.migrate.fault import is_fault
from tests.migrate.conftest import plain

NOT_HERE = [
    "CREATE EXTENSION never_made",
    "DO 'BEGIN CREATE EXTENSION never_made; END'",
    "ALTER EXTENSION plpgsql UPDATE TO '99'",
    "CREATE TABLE n (e never_made.kind)",
    "CREATE TABLE n (e never_made)",
    "CREATE INDEX n ON pg_class USING never_made (relname)",
    "SELECT never_made('a')",
    "SELECT 'a'::text OPERATOR(pg_catalog.@@@@) 'b'::text",
    "CREATE COLLATION n (provider = libc, locale = 'xx_XX.never')",
    "SET TIME ZONE 'Never/Made'",
    "SELECT now() AT TIME ZONE 'Never/Made'",
    "SET lc_monetary = 'xx_XX.never'",
    "SET ROLE never_made",
    "GRANT SELECT ON pg_class TO never_made",
    "CREATE TEXT SEARCH DICTIONARY n (TEMPLATE = synonym, synonyms = never_made)",
    "SELECT currval('pg_temp.never_made')",
    "CREATE TEMP SEQUENCE n; SELECT currval('n')",
    "SELECT pg_catalog.n.i FROM (SELECT 1) AS n (i)",
    "SET lc_messages = 'xx_XX.never'",
    "CREATE TEMP TABLE n (a int NOT NULL); ALTER TABLE n ALTER a DROP IDENTITY",
    "DO $$ BEGIN RAISE 'Spalte »i« ist schon da' USING ERRCODE = '55000'; END $$",
    "DO $$ BEGIN RAISE insufficient_privilege; END $$",
    "DO $$ BEGIN RAISE lock_not_available; END $$",
    "DO $$ BEGIN RAISE serialization_failure; END $$",
    "SELECT pg_terminate_backend(pg_backend_pid())",
]
OWN = [
    "VACUUM",
    "SET statement_timeout = '5 secondz'",
    "SET default_transaction_isolation = 'read comitted'",
    "DO $$ BEGIN RAISE unsafe_new_enum_value_usage; END $$",
    "SELECT never_made.relname FROM pg_class",
    "SELEKT 1",
    "SELECT 1 / 0",
    "SELECT never_made FROM pg_class",
    "CREATE TABLE pg_catalog.pg_class ()",
    "SELECT generate_series(1, 2, 0)",
    "DO $$ BEGIN RAISE EXCEPTION 'the role \"x\" is wrong'; END $$",
]


def failed(database: Target, statement: str) -> OperationError:
    """What a statement of a revision fails with."""
    url = plain(database).replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url)
    told = OperationError("it failed")
    with pytest.raises(exc.DBAPIError) as raised, engine.connect() as connection:
        connection.execute(text(statement.replace(":", r"\:")))
    engine.dispose()
    told.__cause__ = raised.value
    return told


@pytest.mark.parametrize("statement", NOT_HERE)
def test_what_is_not_to_be_had_here_is_no_fault(database: Target, statement: str) -> None:
    """Extensions and what they bring, roles, locales, files, rights, locks and connections."""
    assert not is_fault(failed(database, statement))


@pytest.mark.parametrize("statement", OWN)
def test_what_fails_everywhere_is_a_fault(database: Target, statement: str) -> None:
    """A server that refuses what a revision says refuses it in any place."""
    assert is_fault(failed(database, statement))


def test_a_connection_that_the_driver_lost_is_no_fault() -> None:
    """The driver says so without a code of the server; what Python raises by itself is one."""
    lost, raised = OperationError("it failed"), OperationError("it failed")
    lost.__cause__ = exc.OperationalError("SELECT 1", {}, OSError("server closed the connection"))
    raised.__cause__ = RuntimeError("server closed the connection")
    assert not is_fault(lost)
    assert is_fault(raised)
