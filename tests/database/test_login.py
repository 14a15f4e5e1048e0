"""TLS and authentication: what works, and what is said when it does not."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dbtool.database.refusal import full
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError, DbtoolError, UsageError
from dbtool.scratch.account import server_account
from dbtool.scratch.binaries import find_binaries
from dbtool.scratch.server import Server, throwaway
from tests.conftest import Dbtool
from tests.logins import login, refusal, said
from tests.processes import absent
from tests.proxy import proxy

HBA = """\
local all all trust
hostssl all trusted 127.0.0.1/32 trust
hostssl all postgres,reader,limited 127.0.0.1/32 scram-sha-256
host all plain 127.0.0.1/32 scram-sha-256
"""
ROLES = """\
CREATE ROLE reader LOGIN PASSWORD 'secret';
CREATE ROLE limited LOGIN PASSWORD 'secret' CONNECTION LIMIT 0;
CREATE ROLE plain LOGIN PASSWORD 'secret';
ALTER ROLE reader SET default_transaction_read_only = on
"""


@dataclass(frozen=True, slots=True)
class Strict:
    """A server with TLS and passwords, its certificate, and two ways to it."""

    socket: Target
    tcp: Target
    certificate: str

    def over_tcp(self, user: str = "reader", password: str | None = "secret") -> Target:
        """The server over TCP, as one of its roles."""
        return replace(self.tcp, user=user, password=password)


@pytest.fixture(scope="module")
def strict() -> Iterator[Strict]:
    """A server with TLS and passwords; Debian's, since the embedded one has no TLS."""
    try:
        find_binaries(15)
    except DbtoolError as error:
        absent("PostgreSQL 15", error.hint)
    with throwaway(15, port=0, settings={"max_connections": "20"}) as running:
        tcp = replace(running.target(), sslmode=None, source="test")
        with SyncConnection(tcp) as admin:
            data = Path(admin.fetchval("SHOW data_directory"))
            _certificate(data)
            (data / "pg_hba.conf").write_text(HBA)
            admin.execute(ROLES)
            for statement in (
                "CREATE DATABASE closed",
                "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
                "CREATE DATABASE full_one CONNECTION LIMIT 0",
                "ALTER SYSTEM SET ssl = on",
                "SELECT pg_reload_conf()",
            ):
                admin.execute(statement)
            _until(lambda: bool(admin.fetchval("SHOW ssl") == "on"))
            directory = admin.fetchval("SHOW unix_socket_directories")
        on_socket = replace(tcp, host=directory, password=None)
        yield Strict(on_socket, tcp, str(data / "server.crt"))


def _certificate(data: Path) -> None:
    key, certificate = data / "server.key", data / "server.crt"
    command = "openssl req -new -x509 -days 2 -nodes -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command.split(), *names, "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    for file in (key, certificate):
        server_account().own(file)


def _until(holds: Any) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def _with_a_slot(target: Target) -> SyncConnection:
    """Log in once the process of a session before has given its slot back."""
    end = time.monotonic() + 60
    while True:
        try:
            return SyncConnection(target)
        except ConnectError:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_tls_with_and_without_checking_the_certificate(strict: Strict) -> None:
    """`require` encrypts, `verify-full` also compares authority and name."""
    ca = ("sslrootcert", strict.certificate)
    required = replace(strict.over_tcp(), sslmode="require")
    full = replace(strict.over_tcp(), host="localhost", sslmode="verify-full", parameters=(ca,))
    for target in (strict.over_tcp(), required, full):
        with SyncConnection(target) as connection:
            encrypted = connection.fetchval(
                "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            )
        assert encrypted is True
    assert refusal(replace(full, host="127.0.0.1")) == said(
        "the certificate of SERVER cannot be trusted",
        "IP address mismatch, certificate is not valid for '127.0.0.1'.",
        "Connect by the name it was made for; sslmode=verify-ca does not compare names.",
    )
    system = replace(full, parameters=(("sslrootcert", "system"),))
    assert refusal(system) == said(
        "the certificate of SERVER cannot be trusted",
        "self-signed certificate",
        "Name the authority that signed it with sslrootcert=FILE, or sslrootcert=system.",
    )
    missing = replace(full, parameters=(("sslrootcert", "/nope.crt"),))
    assert refusal(missing, UsageError) == said(
        'sslrootcert names the file "/nope.crt", which does not exist',
        "It is in the connection string of test.",
        "",
    )


def test_an_engine_checks_the_certificate_too(strict: Strict) -> None:
    """The URL we write for SQLAlchemy carries the authority; with another it refuses."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    ca = ("sslrootcert", strict.certificate)
    good = replace(strict.over_tcp(), host="localhost", sslmode="verify-full", parameters=(ca,))

    async def run(target: Target) -> object:
        engine = create_async_engine(target.sqlalchemy_url())
        try:
            async with engine.connect() as connection:
                return (await connection.execute(text("SELECT 1"))).scalar()
        finally:
            await engine.dispose()

    assert asyncio.run(run(good)) == 1
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(run(replace(good, host="127.0.0.1")))


def test_a_server_without_any_slot_is_asked_twice_at_most(
    strict: Strict, dbtool: Dbtool, tmp_path: Path
) -> None:
    """The driver tries with TLS and without; the login kept for a full server is not a third."""
    with ExitStack() as opened, proxy(strict.tcp) as between:
        admin = opened.enter_context(_with_a_slot(strict.socket))
        for _ in range(1, int(admin.fetchval("SHOW max_connections"))):
            opened.enter_context(_with_a_slot(strict.socket))
        url, rescue = (
            replace(strict.over_tcp(user), port=between.target.port).sqlalchemy_url()
            for user in ("reader", "trusted")
        )
        (tmp_path / "dbtool.toml").write_text(f'url = "{url}"\nrescue_url = "{rescue}"\n')
        ran = dbtool("pool", cwd=tmp_path)
        tried = len(between.connections)
    assert (ran.code, tried) == (3, 2)
    assert "That was with TLS and without, so rescue_url of dbtool.toml was not tried." in ran.err


def test_tls_required(strict: Strict) -> None:
    """The server wants TLS and the connection string forbids it."""
    assert refusal(replace(strict.over_tcp(), sslmode="disable")) == said(
        "the server does not let reader@SERVER/postgres (test) in without TLS",
        'no pg_hba.conf entry for host "127.0.0.1", user "reader", database "postgres",'
        " no encryption",
        "Use sslmode=require in the connection string.",
    )


def test_tls_not_offered(server: Server, strict: Strict) -> None:
    """The connection string wants TLS and the endpoint has none."""
    with proxy(server.target()) as between:
        target = replace(between.target, sslmode="require", source="test")
        assert refusal(target) == said(
            "the server at SERVER does not offer TLS",
            "sslmode=require in the connection string of test asks for it.",
            "Turn on TLS on the server; sslmode=prefer takes what there is.",
        )


def test_wrong_password(strict: Strict) -> None:
    """A wrong password and a role that does not exist look alike, and are told alike."""
    for target in (strict.over_tcp(password="no"), strict.over_tcp("plain", "no")):
        assert refusal(target) == said(
            f"wrong password for {target.user}@SERVER/postgres (test)",
            f'password authentication failed for user "{target.user}"\n'
            "The server says the same where the role does not exist.",
            "Check user and password of test.",
        )


def test_a_masked_password(strict: Strict) -> None:
    """What SQLAlchemy prints for a URL is not the URL."""
    assert refusal(strict.over_tcp(password="***")).endswith(
        'The password is "***", as str(engine.url) prints it: use the real one.'
    )


def test_no_password(strict: Strict, tmp_path: Path) -> None:
    """Nothing was given, or a password file was ignored: both are said."""
    passfile = tmp_path / "pgpass"
    passfile.write_text("*:*:*:*:secret\n")
    passfile.chmod(0o644)
    target = replace(strict.over_tcp(password=None), parameters=(("passfile", str(passfile)),))
    assert refusal(target) == said(
        "no password is given for reader@SERVER/postgres (test)",
        'The server asks for one: password authentication failed for user "reader"\n'
        f"{passfile} is ignored, as libpq does: others may read it (chmod 600 {passfile})",
        "Put it into the connection string, PGPASSWORD, or ~/.pgpass as "
        "SERVER:postgres:reader:PASSWORD",
    )
    passfile.chmod(0o600)
    assert login(target) == "on 0 0"


def test_a_role_that_does_not_exist(strict: Strict) -> None:
    """Where no password is asked the server says so itself."""
    assert refusal(replace(strict.socket, user="ghost")) == said(
        "ghost@SERVER/postgres (test) refused the login",
        'role "ghost" does not exist',
        'Check the user; a superuser creates it with CREATE ROLE "ghost" LOGIN.',
    )


def test_an_address_that_is_not_let_in(strict: Strict) -> None:
    """pg_hba.conf has no line for this user; with TLS tried first, its answer is shown."""
    assert refusal(strict.over_tcp("unlisted")) == said(
        "the server does not let unlisted@SERVER/postgres (test) in from this address",
        'no pg_hba.conf entry for host "127.0.0.1", user "unlisted", database "postgres",'
        " SSL encryption",
        "Its pg_hba.conf has to allow this login.",
    )


def test_a_database_that_does_not_exist(strict: Strict) -> None:
    """The command that creates it is there to paste."""
    target = strict.socket.with_database("nope")
    assert refusal(target) == said(
        'there is no database "nope" at SERVER',
        'database "nope" does not exist; the name comes from test',
        f"Check the name, or create it: createdb -h {target.host} -p {target.port}"
        " -U postgres nope",
    )


def test_a_database_one_may_not_enter(strict: Strict) -> None:
    """The missing privilege is there to paste."""
    assert refusal(strict.over_tcp().with_database("closed")) == said(
        "reader@SERVER/closed (test) refused the login",
        'permission denied for database "closed"\nUser does not have CONNECT privilege.',
        'Its owner allows it with GRANT CONNECT ON DATABASE "closed" TO "reader".',
    )


def test_limits_of_a_role_and_of_a_database(strict: Strict) -> None:
    """Neither means that the server is full."""
    assert refusal(strict.over_tcp("limited")) == said(
        'role "limited" has used all its connections',
        'The server is up. It says: too many connections for role "limited".',
        'The server itself is not full: ALTER ROLE "limited" CONNECTION LIMIT …',
    )
    assert refusal(strict.over_tcp().with_database("full_one")) == said(
        'database "full_one" has used all its connections',
        'The server is up. It says: too many connections for database "full_one".',
        'The server itself is not full: ALTER DATABASE "full_one" CONNECTION LIMIT …',
    )


def test_a_full_server_in_the_words_of_another_driver(strict: Strict) -> None:
    """What psycopg passes on reads as what asyncpg was told; anything else is left alone."""
    target = strict.over_tcp("limited")
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect(target.sqlalchemy_url("psycopg").replace("+psycopg", "", 1))
    error = full(str(raised.value), target)
    assert error is not None
    assert "\n".join((error.message, error.detail, error.hint)) == said(
        'role "limited" has used all its connections',
        'The server is up. It says: too many connections for role "limited".',
        'The server itself is not full: ALTER ROLE "limited" CONNECTION LIMIT …',
    )
    assert full('password authentication failed for user "limited"', target) is None


def test_start_up_options_a_server_does_not_take(strict: Strict) -> None:
    """A setting that does not exist is told with where it stands."""
    target = replace(strict.socket, parameters=(("options", "-c nonsense=1"),))
    assert refusal(target) == said(
        "postgres@SERVER/postgres (test) refused a start-up option",
        'unrecognized configuration parameter "nonsense"',
        "Check options in the connection string of test.",
    )


def test_a_server_in_another_role(strict: Strict) -> None:
    """target_session_attrs is honoured."""
    target = replace(strict.socket, parameters=(("target_session_attrs", "standby"),))
    assert refusal(target) == said(
        "cannot connect to postgres@SERVER/postgres (test)",
        "It is not standby, which target_session_attrs asks for.",
        "",
    )


def test_refused_logins_end_a_command_with_3(dbtool: Dbtool, strict: Strict) -> None:
    """Wrong password and TLS required, as the user of a command meets them."""
    wrong = strict.over_tcp(password="s3cret").sqlalchemy_url()
    ran = dbtool("pool", "--url", wrong)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(
        f"error: wrong password for reader@{strict.tcp.address}/postgres (--url)\n"
    )
    assert "s3cret" not in ran.err
    plain = replace(strict.over_tcp(), sslmode="disable").sqlalchemy_url()
    ran = dbtool("pool", env={"DATABASE_URL": plain})
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.splitlines()[0] == (
        f"error: the server does not let reader@{strict.tcp.address}/postgres (DATABASE_URL)"
        " in without TLS"
    )
