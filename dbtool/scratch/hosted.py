"""Throwaway databases on a server the user names, beside whatever else lives there."""

from collections.abc import Iterator
from contextlib import contextmanager

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target, pooled
from dbtool.errors import OperationError, UsageError
from dbtool.scratch.clone import drop_leftovers, hold, let_go
from dbtool.sql.names import identifier


class Hosted:
    """A server of the user's on which databases of ours come and go; `hosted` makes one."""

    def __init__(self, address: Target, connection: SyncConnection) -> None:
        self._address = address
        self._connection = connection
        self._names: set[str] = set()

    def target(self, database: str) -> Target:
        """A database of this server."""
        return self._address.with_database(database)

    def create_database(self, name: str, template: str | None = None) -> Target:
        """Create a database, as a copy of another where a template is named.

        `name` comes from `clone.new_name`, so that another run drops it should this one be killed.
        """
        from asyncpg.exceptions import PostgresError

        hold(self._connection, name)
        # An interrupt may come when the server has made it already.
        self._names.add(name)
        copied = f" template {identifier(template)}" if template else ""
        try:
            self._connection.execute(f"create database {identifier(name)}{copied}")
        except PostgresError as error:
            self._names.discard(name)
            raise OperationError(
                f"cannot create a database on {self._address.address}",
                detail=str(error),
                hint=f"Does {self._address.user} have CREATEDB there?",
            ) from error
        return self.target(name)

    def drop_database(self, name: str) -> None:
        """Drop a database that was created here, and whoever is still connected to it."""
        let_go(self._connection, name)
        self._names.discard(name)

    def drop_all(self) -> None:
        """Drop what is left of them, also after an interrupt meanwhile; a second one ends it."""
        try:
            self._drop_each()
        except KeyboardInterrupt:
            self._drop_each()
            raise

    def _drop_each(self) -> None:
        for name in tuple(self._names):
            self.drop_database(name)


@contextmanager
def hosted(address: Target) -> Iterator[Hosted]:
    """Keep one connection for as long as the block lasts; every database made in it goes away."""
    if reason := pooled(address):
        raise UsageError(
            f"cannot create databases through the pooler at {address.address}",
            detail=f"It is one because {reason}.",
            hint="Name the server's direct address.",
        )
    with SyncConnection(address, application_name="dbtool scratch") as connection:
        drop_leftovers(connection)
        server = Hosted(address, connection)
        try:
            yield server
        finally:
            server.drop_all()
