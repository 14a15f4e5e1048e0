"""A server that is quickly full, and sessions to fill it with."""

from collections.abc import Iterator

import pytest

from dbtool.database.target import Target
from dbtool.scratch.server import Server, throwaway
from tests.conftest import MAJOR
from tests.health.crowd import Crowd, crowd

SMALL = {"max_connections": "20", "superuser_reserved_connections": "3", "max_wal_senders": "0"}


@pytest.fixture(autouse=True)
def _time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds for a statement are too few where the machine stands still within it."""
    monkeypatch.setattr("dbtool.health.session.session.__wrapped__.__defaults__", (60,))


@pytest.fixture(scope="session")
def small() -> Iterator[Server]:
    """A server with 17 usable slots, or 15 where roles can have a tier of their own."""
    tier = {"reserved_connections": "2"} if MAJOR >= 16 else {}
    with throwaway(MAJOR, settings=SMALL | tier) as running:
        yield running


@pytest.fixture(scope="session")
def preparing() -> Iterator[Server]:
    """A server that allows prepared transactions."""
    with throwaway(MAJOR, settings={"max_prepared_transactions": "5"}) as running:
        yield running


@pytest.fixture
def people(database: Target) -> Iterator[Crowd]:
    """Sessions in a database of one's own."""
    with crowd(database) as opened:
        yield opened
