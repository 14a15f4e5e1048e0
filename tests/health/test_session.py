"""The connection of a health question: limits, poolers, and servers that stop answering."""

import asyncio
import dataclasses
import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError, LockNotObtained, OperationError, UsageError
from dbtool.health.pool import read
from dbtool.health.session import Session, _explained, session
from tests.pgbouncer import pgbouncer
from tests.proxy import proxy

SETTINGS = """
SELECT json_build_object(
    'transaction_read_only', current_setting('transaction_read_only'),
    'lock_timeout', current_setting('lock_timeout'),
    'statement_timeout', current_setting('statement_timeout'),
    'idle', current_setting('idle_in_transaction_session_timeout'),
    'jit', current_setting('jit'))::text
"""
IN_FORCE = {
    "transaction_read_only": "on",
    "lock_timeout": "100ms",
    "statement_timeout": "2s",
    "idle": "5s",
    "jit": "off",
}


@pytest.fixture(autouse=True)
def _time_to_answer() -> None:
    """The limits are as they are: they are what is asked for here."""


def ask(target: Target, question: Callable[[Session], Coroutine[Any, Any, Any]]) -> Any:
    """Open a session, put one question, close it."""

    async def work() -> Any:
        async with session(target) as opened:
            return await question(opened)

    return asyncio.run(work())


def test_limits_are_in_force(database: Target) -> None:
    """A question is asked read-only and within the three time limits."""
    assert ask(database, lambda opened: opened.read(SETTINGS)) == IN_FORCE


def test_limits_are_in_force_through_a_pooler_and_stay_in_the_transaction(
    database: Target,
) -> None:
    """Where start-up options are refused the transaction carries them, and nothing stays behind."""
    with pgbouncer(database, {"default_pool_size": "1"}) as pooler:
        assert ask(pooler.target, lambda opened: opened.read(SETTINGS)) == IN_FORCE
        with SyncConnection(pooler.target) as next_client:
            left = json.loads(next_client.fetchval(SETTINGS))
            usual = next_client.fetchval("SELECT boot_val FROM pg_settings WHERE name = 'jit'")
            assert next_client.fetchval("SELECT count(*) FROM pg_prepared_statements") == 0
    assert left == {
        "transaction_read_only": "off",
        "lock_timeout": "0",
        "statement_timeout": "0",
        "idle": "0",
        "jit": usual,
    }


def test_costs_five_round_trips_after_the_login_through_a_pooler(database: Target) -> None:
    """The refused login, then BEGIN with its settings, parse, execute, ROLLBACK."""
    with pgbouncer(database) as pooler, proxy(pooler.target) as through:
        pool = read(through.target)
        refused, used = through.connections
    assert refused.login_round_trips == 0
    assert refused.round_trips + used.after_login == 5
    assert pool.endpoint.pooler


def test_a_pooler_is_told_from_a_server(database: Target) -> None:
    """Evidence is positive: a server shows none, a pooler that ignores options shows its pid."""
    assert read(database).endpoint.pooler == ()
    ignored = "default_transaction_read_only,lock_timeout,statement_timeout"
    settings = {"ignore_startup_parameters": f"{ignored},idle_in_transaction_session_timeout,jit"}
    with pgbouncer(database, settings) as pooler:
        endpoint = read(pooler.target).endpoint
        assert ask(pooler.target, lambda opened: opened.read(SETTINGS)) == IN_FORCE
    ignored_note, other_process = endpoint.pooler
    assert "ignored a start-up option" in ignored_note
    assert "it announced process" in other_process
    assert endpoint.driver is not None


def test_the_console_of_a_pooler_is_no_database(database: Target) -> None:
    """PgBouncer's own console speaks the protocol and no SQL: it is recognised, and exit 2."""
    with pgbouncer(database) as pooler, pytest.raises(UsageError) as caught:
        read(pooler.console)
    place = f"-h 127.0.0.1 -p {pooler.console.port} -U {pooler.console.user} pgbouncer"
    assert (caught.value.message, caught.value.hint) == (
        f"{pooler.console.shown} is a pooler's console, not a database",
        f"Name a database behind it. The pooler's own queue: psql {place} -c 'SHOW POOLS'",
    )


def test_a_proxy_that_only_forwards_is_no_pooler(database: Target) -> None:
    """Bytes passed on unchanged leave the server's own process id in place."""
    with proxy(database) as through:
        assert read(through.target).endpoint.pooler == ()


@pytest.mark.parametrize(
    ("function", "told", "hint"),
    [
        ("pg_terminate_backend", "keine Berechtigung", "A session of a superuser takes a"),
        ("pg_cancel_backend", "il faut pg_signal_backend", "GRANT pg_signal_backend TO"),
        ("aclcheck_error", "keine Berechtigung", "dbtool doctor --grants postgres prints the"),
    ],
)
def test_a_refusal_in_any_language(database: Target, function: str, told: str, hint: str) -> None:
    """What is missing shows from what is never translated: the server's function and its roles."""

    sent = {"S": "FEHLER", "C": "42501", "M": told, "R": function}
    assert _explained(PostgresError.new(sent), database, 2).hint.startswith(hint)


def test_a_slow_statement_is_cancelled_by_the_server(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two seconds the server itself gives up."""
    monkeypatch.setattr("dbtool.health.session.GRACE_SECONDS", 60.0)
    with pytest.raises(OperationError, match="the server did not answer within 2 s"):
        ask(database, lambda opened: opened.read("SELECT pg_sleep(10)::text"))


def test_a_lock_is_not_waited_for(database: Target) -> None:
    """A locked relation ends the question at once, so that dbtool is never in the queue."""
    with SyncConnection(database) as holder:
        holder.execute("CREATE TABLE t ()")
        holder.execute("BEGIN; LOCK t")
        with pytest.raises(LockNotObtained) as caught:
            ask(database, lambda opened: opened.read("SELECT count(*)::text FROM t"))
    assert caught.value.exit == 5


def test_a_server_that_froze_after_the_login_is_given_up(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has a time limit of its own and says what silence means."""
    monkeypatch.setattr("dbtool.health.session.GRACE_SECONDS", -1.7)
    with proxy(database) as through:

        async def freeze(opened: Session) -> None:
            through.go_silent()
            await opened.read(SETTINGS)

        with pytest.raises(ConnectError) as caught:
            ask(through.target, freeze)
    assert caught.value.message == (
        f"{through.target.shown} accepted the login, and then no answer came"
    )
    assert "look at the machine itself" in caught.value.hint


def test_a_session_that_hangs_while_others_get_in(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look is answered, and proves no more than that the login is not to blame."""
    monkeypatch.setattr("dbtool.database.pooler._PROBE_LIMIT", 60.0)
    monkeypatch.setattr("dbtool.health.session.GRACE_SECONDS", -1.7)
    with pytest.raises(ConnectError) as caught:
        ask(database, lambda opened: opened.read("SELECT pg_sleep(60)::text"))
    assert caught.value.message == (
        f"{database.shown} accepted the login and then stopped answering"
    )


def test_a_locked_catalogue_that_every_login_reads(database: Target) -> None:
    """The login itself gives up in time, and says what is in its way."""
    with SyncConnection(database) as holder:
        holder.execute("BEGIN; LOCK pg_class")
        with pytest.raises(ConnectError) as caught:
            ask(database, lambda opened: opened.read(SETTINGS))
    assert caught.value.message == (
        f"nobody can log in to {database.named}: a system catalogue is locked"
    )


def test_a_right_that_is_missing(database: Target) -> None:
    """What was refused stands in the error; rights to end sessions would not help."""
    with SyncConnection(database) as admin:
        admin.execute("CREATE ROLE reader LOGIN; CREATE TABLE closed (a int)")
        try:
            with pytest.raises(OperationError) as caught:
                ask(
                    dataclasses.replace(database, user="reader"),
                    lambda opened: opened.read("SELECT count(*)::text FROM closed"),
                )
        finally:
            admin.execute("DROP ROLE reader")
    assert caught.value.detail == "permission denied for table closed"
    assert caught.value.hint == (
        "dbtool doctor --grants reader prints the least rights that role needs."
    )


def test_the_right_to_end_a_session_is_called_as_the_server_calls_it(database: Target) -> None:
    """Neither a table called process nor the session of a superuser takes pg_signal_backend."""
    boss = "FROM pg_stat_activity WHERE application_name = 'boss'"
    superuser = "A session of a superuser takes a superuser."
    least = "dbtool doctor --grants reader prints the least rights that role needs."
    questions = {
        "SELECT count(*)::text FROM process": least,
        "SELECT count(*)::text FROM superuser_process": least,
        f"SELECT pg_cancel_backend(pid)::text {boss}": superuser,
    }
    with SyncConnection(database, application_name="boss") as admin:
        admin.execute("CREATE ROLE reader LOGIN IN ROLE pg_signal_backend")
        admin.execute("CREATE TABLE process (a int); CREATE TABLE superuser_process ()")
        reader = dataclasses.replace(database, user="reader")
        try:
            for question, hint in questions.items():
                with pytest.raises(OperationError) as caught:
                    ask(reader, partial(Session.read, sql=question))
                assert caught.value.hint == hint
        finally:
            admin.execute("DROP ROLE reader")


def test_a_pooler_without_a_free_server_connection(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pooler is named, not the host it stands on; the answer comes within seconds."""
    monkeypatch.setattr("dbtool.database.pooler._PROBE_LIMIT", 60.0)
    alone = {"default_pool_size": "1"}
    with pgbouncer(database, alone) as pooler, SyncConnection(pooler.target) as holder:
        holder.execute("BEGIN; SELECT 1")
        with pytest.raises(ConnectError) as caught:
            read(pooler.target)
    assert caught.value.message == (
        f"PgBouncer at {pooler.target.address} accepted the login, no server connection is free"
    )


def test_a_connection_cut_in_the_middle_is_explained(database: Target) -> None:
    """A server that goes away between the login and the answer is named as such."""
    with proxy(database) as through:

        async def cut(opened: Session) -> None:
            through.cut_at_turn(through.connections[0].turns + 2)
            await opened.read(SETTINGS)

        with pytest.raises(OperationError) as caught:
            ask(through.target, cut)
    assert "closed the connection before it answered" in caught.value.message
