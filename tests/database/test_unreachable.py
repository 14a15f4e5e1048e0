"""Servers that are full, stopping, frozen, not ready, or not there at all."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.login import HOLDER, explain
from dbtool.database.refusal import closed
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError
from dbtool.scratch.account import runnable, server_account
from dbtool.scratch.binaries import find_binaries
from dbtool.scratch.server import throwaway
from tests.conftest import MAJOR
from tests.logins import login, refusal, said


@dataclass(frozen=True, slots=True)
class Small:
    """A server with five slots, and its postmaster."""

    target: Target
    postmaster: int


@pytest.fixture
def small() -> Iterator[Small]:
    """A server of its own, with few slots."""
    slots = {"max_connections": "5", "superuser_reserved_connections": "1", "max_wal_senders": "0"}
    with throwaway(MAJOR, settings=slots) as running:
        target = replace(running.target(), source="test")
        with SyncConnection(target) as admin:
            pidfile = Path(admin.fetchval("SHOW data_directory"), "postmaster.pid")
        yield Small(target, int(pidfile.read_text().split()[0]))


def _with_a_free_slot(target: Target) -> SyncConnection:
    """Log in once the backend of a login that was refused has given its slot back."""
    end = time.monotonic() + 60
    while True:
        try:
            return SyncConnection(target)
        except ConnectError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def test_a_full_server(small: Small) -> None:
    """First the slots of applications are gone, then all of them."""
    with SyncConnection(small.target) as admin:
        admin.execute("CREATE ROLE app LOGIN")
    app = replace(small.target, user="app")
    held = [_with_a_free_slot(app) for _ in range(4)]
    told = "remaining connection slots are reserved for " + (
        "roles with the SUPERUSER attribute"
        if MAJOR >= 16
        else "non-replication superuser connections"
    )
    assert refusal(app) == said(
        "all connection slots for applications are used at SERVER",
        f"The server is up. It says: {told}.",
        "A superuser still gets in.",
    )
    held.append(_with_a_free_slot(small.target))
    assert refusal(small.target) == said(
        "all connection slots are used at SERVER, the reserved ones too",
        "The server is up. It says: sorry, too many clients already.",
        "End sessions on the host itself, or stop an application.",
    )
    for connection in held:
        connection.close()


def test_a_server_that_stops(small: Small) -> None:
    """Between the order to stop and the end of the last session nobody gets in."""
    with SyncConnection(small.target):
        os.kill(small.postmaster, signal.SIGTERM)
        found = ""
        end = time.monotonic() + 60
        while "shutting down" not in found and time.monotonic() < end:
            try:
                login(small.target)
            except ConnectError as error:
                found = f"{error.message}\n{error.detail}\n{error.hint}"
    assert found.replace(small.target.address, "SERVER") == said(
        "the server at SERVER is shutting down",
        "the database system is shutting down",
        "Start it again, or wait for the restart to end.",
    )


def test_a_server_that_froze(small: Small) -> None:
    """The kernel accepts, the stopped postmaster never replies."""
    os.kill(small.postmaster, signal.SIGSTOP)
    try:
        found = refusal(small.target, timeout=0.3)
    finally:
        os.kill(small.postmaster, signal.SIGCONT)
    assert found == said(
        "SERVER accepts connections but did not reply within 0.3 s",
        "The host is there; the server process is stalled, overloaded, or no PostgreSQL.",
        "Look at the host: CPU, memory, disk, a stopped process.",
    )


@contextmanager
def unready(*settings: str) -> Iterator[Target]:
    """A server that runs and does not become ready: a standby without a primary."""
    account = server_account()
    binaries = runnable(find_binaries(MAJOR), account)
    directory = Path(tempfile.mkdtemp(prefix="dbtool-unready-", dir="/tmp"))
    account.own(directory)
    data = directory / "data"
    place = ["-D", str(data)]
    initdb = [str(binaries.path("initdb")), *place, "-U", "postgres", "-A", "trust", "-N"]
    server = [str(binaries.path("postgres")), *place, "-k", str(directory)]
    server += ["-c", "listen_addresses="]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*account.prefix, *initdb], check=True, **quiet, **account.switch)
    (data / "standby.signal").touch()
    account.own(data / "standby.signal")
    options = [word for setting in settings for word in ("-c", setting)]
    process = subprocess.Popen([*account.prefix, *server, *options], **quiet, **account.switch)
    try:
        _until(lambda: _listens(directory / ".s.PGSQL.5432"))
        yield Target(str(directory), 5432, "postgres", "postgres", source="test")
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(60)
        shutil.rmtree(directory)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def _listens(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(place)) == 0


def test_a_server_that_is_not_ready() -> None:
    """Starting up is worth waiting for, a standby without hot_standby is not."""
    with unready("restore_command=sleep 30; false") as target:
        assert refusal(target) == said(
            "the server at SERVER is starting up",
            "the database system is starting up",
            "Try again in a moment.",
        )
    with unready("hot_standby=off") as target:
        _until(lambda: "starting up" not in refusal(target))
        assert refusal(target) == said(
            "the server at SERVER is a standby that takes no connections",
            "the database system is not accepting connections\nHot standby mode is disabled.",
            "Connect to the primary.",
        )


def test_nobody_there(database: Target) -> None:
    """Name, port and socket each fail with their own words."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
        target = replace(database, host="127.0.0.1", port=port, source="test")
        assert refusal(target) == said(
            "no server listens at SERVER",
            "Connection refused.",
            "Start it, or check host and port; dbtool local start runs one for development.",
        )
    assert refusal(replace(target, host="/nope")) == said(
        "no server listens at SERVER",
        f"There is no socket /nope/.s.PGSQL.{target.port}.",
        "Start it, or check host and port; dbtool local start runs one for development.",
    )
    assert refusal(replace(target, host="no-such-host.invalid")).startswith(
        'cannot resolve the host name "no-such-host.invalid"\n'
    )


@contextmanager
def listening(reply: bytes | None) -> Iterator[Target]:
    """Something that is no PostgreSQL: it never replies, or replies this and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(1024)
                    client.sendall(reply or b"")

        thread = threading.Thread(target=serve, daemon=True)
        if reply is not None:
            thread.start()
        yield Target("127.0.0.1", listener.getsockname()[1], "u", "d", source="test")
        listener.shutdown(socket.SHUT_RDWR)
    if reply is not None:
        thread.join()


@pytest.mark.pg(">=16")
def test_each_tier_of_slots_has_its_own_way_in() -> None:
    """Members of pg_use_reserved_connections are named only while there is a slot for them."""
    slots = {"max_connections": "4", "superuser_reserved_connections": "1", "max_wal_senders": "0"}
    with throwaway(MAJOR, settings=slots | {"reserved_connections": "1"}) as running:
        target = replace(running.target(), source="test")
        with SyncConnection(target) as admin:
            admin.execute("CREATE ROLE app LOGIN; CREATE ROLE monitor LOGIN")
            admin.execute("GRANT pg_use_reserved_connections TO monitor")
            app, monitor = replace(target, user="app"), replace(target, user="monitor")
            with SyncConnection(app):
                first = refusal(app)
                with _with_a_free_slot(monitor):
                    second = refusal(monitor)
    assert first.endswith("A superuser, or a member of pg_use_reserved_connections, still gets in.")
    assert second.endswith("SUPERUSER attribute.\nA superuser still gets in.")


@pytest.mark.parametrize(
    ("function", "told", "message"),
    [
        ("InitPostgres", "sind reserviert", "all connection slots for applications are used"),
        ("InitProcess", "zu viele Verbindungen", "all connection slots are used at db:5432, the"),
        ("InitializeSessionUserId", "zu viele", 'role "app" has used all its connections'),
        ("InitializeSessionUserId", "zu viele … von Rolle »reserved_ro«", 'role "app" has used'),
        ("CheckMyDatabase", "zu viele", 'database "shop" has used all its connections'),
    ],
)
def test_a_full_server_in_any_language(function: str, told: str, message: str) -> None:
    """Which slots are gone shows from the function that refuses, which nobody translates."""
    target = Target("db", 5432, "app", "shop")
    sent = {"S": "FATAL", "C": "53300", "M": told, "R": function}
    found = asyncio.run(explain(PostgresError.new(sent), target, 3.0))
    assert isinstance(found, ConnectError)
    assert found.message.startswith(message)


def test_a_limit_of_nobody_knows_whom() -> None:
    """A pooler names no function of the server: its own limit is no full server."""
    target = Target("db", 6432, "app", "shop")
    sent = {"S": "FATAL", "C": "53300", "M": "too many tcp connections (global limit 9)"}
    found = asyncio.run(explain(PostgresError.new(sent), target, 3.0))
    assert isinstance(found, ConnectError)
    assert found.message == "db:6432 takes no more connections"
    assert found.detail == "It says: too many tcp connections (global limit 9)."


def test_a_login_that_waits_for_a_lock(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server answers, so that it is not taken for one that is frozen."""
    monkeypatch.setattr("dbtool.database.login._PROBE_LIMIT", 30.0)
    with SyncConnection(small.target) as holder:
        holder.execute("BEGIN; LOCK pg_authid")
        found = refusal(small.target, timeout=0.3)
    message, *detail = found.splitlines()
    assert message == "SERVER answers, but did not complete the login within 0.3 s"
    assert "a lock on pg_authid or pg_database" in detail[0]
    assert "a lock on the database itself (DROP, SET TABLESPACE" in detail[1]
    assert "LDAP, RADIUS or PAM" in detail[2]


@pytest.mark.parametrize("catalogue", ["pg_authid", "pg_database", "pg_class"])
def test_the_query_that_finds_who_holds_up_logins(small: Small, catalogue: str) -> None:
    """It waits for no such lock itself, in a session that was open before."""
    query = HOLDER[HOLDER.index("SELECT") : HOLDER.index(";")]
    other = "template1" if catalogue == "pg_class" else small.target.database
    with (
        SyncConnection(replace(small.target, database=other)) as watcher,
        SyncConnection(small.target) as holder,
    ):
        watcher.execute("SET statement_timeout = '30s'")
        holder.execute(f"BEGIN; LOCK {catalogue}")
        pid = holder.fetchval("SELECT pg_backend_pid()")
        assert watcher.fetchval(query) == pid


@pytest.mark.pg(">=17")
def test_a_login_event_trigger_that_waits(small: Small) -> None:
    """Its own table is no system catalogue: what the server says of the place is shown."""
    with SyncConnection(small.target) as admin:
        admin.execute(
            "CREATE TABLE visits (); CREATE FUNCTION noted() RETURNS event_trigger"
            " LANGUAGE plpgsql AS"
            " $$BEGIN EXECUTE 'LOCK visits -- geheim'; END$$;"
            "CREATE EVENT TRIGGER noted ON login EXECUTE FUNCTION noted()"
        )
        admin.execute("BEGIN; LOCK visits")
        options = (("options", "-c lock_timeout=100ms"),)
        found = refusal(replace(small.target, parameters=options))
    assert "what runs at a login waits for a lock" in found
    assert "PL/pgSQL function noted() line 1 at EXECUTE" in found
    assert "geheim" not in found
    assert "catalogue" not in found


def test_a_role_named_after_certificates(small: Small) -> None:
    """What it is called is no reason to speak of certificates."""
    found = refusal(replace(small.target, user="certificate"))
    assert found.endswith('creates it with CREATE ROLE "certificate" LOGIN.')


def test_a_client_certificate_that_is_missing_or_not_trusted() -> None:
    """The user is not to blame; one that is not trusted is told by no more than a hang-up."""
    fields = b"SFATAL\0C28000\0Mconnection requires a valid client certificate\0\0"
    with listening(b"E" + (len(fields) + 4).to_bytes(4) + fields) as target:
        assert refusal(replace(target, sslmode="disable")).endswith(
            "sslcert=FILE and sslkey=FILE in the connection string name a certificate that the"
            ' server\ntrusts; its pg_hba.conf may ask that it was made for "u".'
        )
    shown = closed(replace(target, parameters=(("sslcert", "client.crt"),)))
    assert shown.detail == (
        "A server that is stopping does so, and so does one that is not PostgreSQL,"
        " or does not trust the certificate that sslcert names."
    )


def test_something_else_listens_there() -> None:
    """A web server, a port that hangs up, and one that keeps silent."""
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as target:
        assert refusal(target) == said(
            "SERVER does not answer as a PostgreSQL server does",
            "Another program listens there.",
            "Check host and port in the connection string of test.",
        )
    with listening(b"") as target:
        assert refusal(replace(target, sslmode="disable")) == said(
            "SERVER closed the connection during the login",
            "A server that is stopping does so, and so does one that is not PostgreSQL.",
            "Check host and port, then the server's log.",
        )
    with listening(None) as target:
        assert refusal(target, timeout=0.2) == said(
            "SERVER accepts connections but did not reply within 0.2 s",
            "The host is there; the server process is stalled, overloaded, or no PostgreSQL.",
            "Look at the host: CPU, memory, disk, a stopped process.",
        )


def test_the_timeout_of_the_connection_string_counts() -> None:
    """`connect_timeout` in the URL is in force when nothing else is said."""
    with listening(None) as target:
        refused = refusal(replace(target, parameters=(("connect_timeout", "0.2"),)))
    assert refused.startswith("SERVER accepts connections but did not reply within 0.2 s\n")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (111, "no server listens at localhost:1"),
        (99, "no server listens at localhost:1"),
        (13, "cannot connect to u@localhost:1/d (--url)"),
    ],
)
def test_a_name_with_two_addresses(second: int, message: str) -> None:
    """What asyncio says of several addresses at once is read as what it is of each."""
    told = f"Multiple exceptions: [Errno 111] Connect call failed, [Errno {second}] It failed"
    target = Target("localhost", 1, "u", "d", source="--url")
    error = asyncio.run(explain(OSError(told), target, 1.0))
    assert isinstance(error, ConnectError)
    assert error.message == message
