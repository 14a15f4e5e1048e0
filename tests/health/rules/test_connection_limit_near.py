"""connection-limit-near on roles and databases with a limit."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.finding import Finding, Severity
from dbtool.health.pool import read
from dbtool.health.rules import connection_limit_near
from tests.health.crowd import alone

_numbers = count(1)


@pytest.fixture
def limited(database: Target) -> Iterator[Callable[[int, int], list[Finding]]]:
    """What the rule says of a role with a limit and so many connections."""
    role = f"limited {next(_numbers)}"

    def judged(limit: int, used: int) -> list[Finding]:
        with SyncConnection(database) as admin:
            admin.execute(f'CREATE ROLE "{role}" LOGIN CONNECTION LIMIT {limit}')
        with ExitStack() as stack:
            for _ in range(used):
                stack.enter_context(SyncConnection(replace(database, user=role)))
            found = connection_limit_near.check(read(database))
            return [each for each in found if each.location and each.location.name == role]

    yield judged
    with SyncConnection(database) as admin:
        admin.execute(f'DROP ROLE "{role}"')


@pytest.mark.parametrize(
    ("limit", "used", "severity"),
    [
        (10, 7, None),
        (10, 8, Severity.WARNING),
        (10, 10, Severity.ERROR),
        (2, 1, None),
        (2, 2, Severity.NOTE),
    ],
)
def test_a_role_near_its_limit(
    limited: Callable[[int, int], list[Finding]], limit: int, used: int, severity: Severity | None
) -> None:
    """80 % is a warning, the limit itself an error, and a tiny limit a note."""
    assert [found.severity for found in limited(limit, used)] == ([severity] if severity else [])


def test_names_and_quotes_what_is_limited(
    limited: Callable[[int, int], list[Finding]], database: Target
) -> None:
    """The statement that raises the limit can be pasted as it is."""
    (found,) = limited(4, 4)
    assert found.location is not None
    role = found.location.name
    assert found.title == f"role {role} uses 4 of the 4 connections its limit allows"
    assert found.fix is not None
    assert found.fix.code == f'ALTER ROLE "{role}" CONNECTION LIMIT 8;'
    with SyncConnection(database) as admin:
        admin.execute(found.fix.code)


def test_a_database_near_its_limit(database: Target) -> None:
    """A database has limits too; the one without stays quiet."""
    assert list(connection_limit_near.check(read(database))) == []
    with alone(database) as admin, SyncConnection(database), SyncConnection(database):
        admin.execute(f"ALTER DATABASE {database.database} CONNECTION LIMIT 3")
        (found,) = connection_limit_near.check(read(database))
    assert found.severity is Severity.ERROR
    assert found.title == (
        f"database {database.database} uses 3 of the 3 connections its limit allows"
    )
