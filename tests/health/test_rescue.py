"""Whether another login may still get in, told from what the first one was refused with."""

import ssl
from dataclasses import replace

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.target import Target
from dbtool.errors import ConnectError
from dbtool.health.pool import read
from dbtool.health.rescue import (
    asked_once,
    is_full,
    nobody_gets_in,
    offers_tls,
    was_tried_twice,
)
from dbtool.scratch.server import Server
from tests.conftest import MAJOR
from tests.health.crowd import alone, crowd
from tests.pgbouncer import pgbouncer

USABLE = 15 if MAJOR >= 16 else 17


def test_a_pooler_passes_on_that_its_server_is_full(small: Server) -> None:
    """In an error of its own; a database that is not there is another matter."""
    target = small.target()
    late = replace(target, user="late_pooled")
    with alone(target) as admin, crowd(target) as people, pgbouncer(late) as pooler:
        admin.execute("CREATE ROLE late_pooled LOGIN")
        people.idle(USABLE, "api")
        with pytest.raises(ConnectError) as full:
            read(replace(pooler.target, sslmode="prefer"))
        with pytest.raises(ConnectError) as missing:
            read(target.with_database("nowhere"))
        admin.execute("DROP ROLE late_pooled")
    assert is_full(full.value)
    assert not was_tried_twice(full.value)
    assert offers_tls(full.value, replace(pooler.target, sslmode="prefer")) is False
    assert offers_tls(full.value, pooler.target) is None
    assert not is_full(missing.value)


@pytest.mark.parametrize(
    ("state", "function", "told", "slots", "nobody"),
    [
        ("53300", "InitProcess", "désolé, trop de clients sont déjà connectés", True, True),
        ("53300", "ProcessStartupPacket", "tut mir leid, schon zu viele Verbindungen", True, True),
        ("53300", "InitPostgres", "die verbleibenden Verbindungen sind für Superuser", True, False),
        ("53300", "InitializeSessionUserId", "zu viele Verbindungen von Rolle »app«", True, False),
        ("53300", None, "too many tcp connections (global limit 9)", False, False),
        ("53300", None, "too many connections (user reserved_ro limit 9)", False, False),
        ("53300", None, 'client limit of "too many clients" reached', False, False),
        ("08P01", None, "remaining connection slots are reserved for roles with", True, False),
        ("08P01", None, "server login failed: FATAL: sorry, too many clients already", True, True),
        ("08P01", None, 'server login failed: too many connections for role "a"', True, False),
        ("3D000", "InitPostgres", 'database "too many clients" does not exist', False, False),
    ],
)
def test_what_a_refusal_says_of_the_slots(
    state: str, function: str | None, told: str, *, slots: bool, nobody: bool
) -> None:
    """The function that refuses tells in every language; a pooler passes only words on."""
    sent = {"S": "FATAL", "C": state, "M": told} | ({"R": function} if function else {})
    refused = ConnectError("refused")
    refused.__cause__ = PostgresError.new(sent)
    assert (is_full(refused), nobody_gets_in(refused)) == (slots, nobody)


@pytest.mark.parametrize(
    ("given", "tls", "refused_with", "tried"),
    [
        (None, True, None, ["require"]),
        ("prefer", None, ConnectionError('"h" rejected SSL upgrade'), ["require", "disable"]),
        (None, None, ssl.SSLError("handshake failed"), ["require", "disable"]),
        (None, None, ConnectionRefusedError(), ["require"]),
        (None, False, None, ["disable"]),
        ("verify-full", None, ssl.SSLError("certificate"), ["verify-full"]),
    ],
)
def test_one_login_is_made_with_tls_or_without(
    given: str | None, tls: bool | None, refused_with: Exception | None, tried: list[str]
) -> None:
    """Without it only where the server does not speak it, never after a login was refused."""
    modes: list[str | None] = []

    def ask(target: Target) -> None:
        modes.append(target.sslmode)
        if target.sslmode != "disable":
            raise ConnectError("refused") from refused_with

    if tried[-1] == "disable":
        asked_once(ask, Target("h", 5432, "app", "shop", sslmode=given), tls=tls)
    else:
        with pytest.raises(ConnectError):
            asked_once(ask, Target("h", 5432, "app", "shop", sslmode=given), tls=tls)
    assert modes == tried
