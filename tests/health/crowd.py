"""Sessions of an application, held open in the states a test needs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from dbtool.database import SyncConnection, Target


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
def crowd(target: Target) -> Iterator[Crowd]:
    """A crowd that goes away with the block."""
    people = Crowd(target)
    try:
        yield people
    finally:
        people.close()
