"""Sessions of an application, held open in the states a test needs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target

LIMIT = 60.0


@dataclass
class Crowd:
    """Opens sessions of one database and closes them all at the end."""

    target: Target
    _opened: ExitStack = field(default_factory=ExitStack)

    def session(self, application: str = "api", *statements: str) -> SyncConnection:
        """One more session that has run these statements."""
        connection = SyncConnection(self.target, application_name=application)
        self._opened.callback(connection.close)
        for statement in statements:
            connection.execute(statement)
        return connection

    def idle(self, count: int, application: str = "api") -> None:
        """Sessions that rest in a pool."""
        for _ in range(count):
            self.session(application)

    def close(self) -> None:
        """Close every session."""
        self._opened.close()


@contextmanager
def alone(target: Target) -> Iterator[SyncConnection]:
    """One session, once all earlier ones of its database have gone.

    A server takes a moment to notice that a client has left, and exact counts would see it.
    """
    with SyncConnection(target, application_name="onlooker") as connection:
        gone(connection, "true")
        yield connection


def gone(connection: SyncConnection, which: str = "application_name = 'dbtool'") -> None:
    """Wait until no such session of this database, or of none yet, is left: of dbtool's own."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND pid <> pg_backend_pid() AND coalesce(datname, current_database()) ="
        f" current_database() AND ({which})"
    )
    until = monotonic() + LIMIT
    while connection.fetchval(others):
        assert monotonic() < until, "earlier sessions are still there"
        sleep(0.005)


@contextmanager
def crowd(target: Target) -> Iterator[Crowd]:
    """A crowd that goes away with the block."""
    people = Crowd(target)
    try:
        yield people
    finally:
        people.close()
