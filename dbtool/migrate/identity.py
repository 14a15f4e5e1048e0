"""Prove that every connection env.py opens leads to the database the user named.

A team's env.py decides where it connects: it may take the URL it is given, compute its own,
hard-code one, build an engine around a function of its own, or open several. While it runs,
every engine of the process is listened to, and the rule is:

* A run asks for one destination. The first one SQLAlchemy is asked to connect to is that one;
  a second, different one is refused, whichever of them is the named one. Otherwise what was
  meant for a second database could end up in the first.
* If that destination is the named database, the connection opens as env.py wrote it.
* If it is another, the connection is led to the named database instead, and a note says what
  env.py had asked for.
* A maintenance database (`postgres`), which many an env.py asks whether its own database
  exists, may be asked on the named server, read-only, and does not count.
* A database of another kind, and any connection in offline mode, is refused.
* Where the arguments do not say where they lead (`creator=`, `async_creator=`, services,
  lists of hosts), the connection is opened as it is.
* In every case the connection then proves itself, before it runs a statement of anybody else:
  dbtool holds an advisory lock under a random number on its own connection to the named
  database, and the new connection must see that very lock for its own current database.
  Names, addresses, system identifiers and object ids are no proof: a snapshot has them too.

A connection that was proven in another run is closed and opened again under the eyes of this
one. A connection that env.py returns to a pool is closed, because a pool of an asyncio engine
cannot be used from the event loop of the next run.

A driver's connection that env.py or a revision opens without SQLAlchemy is not seen here; what
the version table says after the run is the last word (see `state`).
"""

from dataclasses import dataclass

from sqlalchemy import Connection, exc
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from dbtool.errors import DbtoolError, OperationError
from dbtool.migrate.destination import Destination, arguments_for, read_arguments
from dbtool.migrate.holder import Holder, behind_pooler
from dbtool.migrate.listener import Events, Listener, make_read_only, other_kind
from dbtool.ports import Progress

_PROVEN = "dbtool proved this connection against the lock"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a connection says about itself."""

    backend: int
    holder: int | None
    same_database: bool
    name: str


class Watch(Listener):
    """Leads every connection to the named database and lets none through unproven."""

    def __init__(self, holder: Holder, progress: Progress) -> None:
        super().__init__()
        self.holder = holder
        self.target = holder.target
        self.backends: list[int] = []
        self._progress = progress
        self._asked: Destination | None = None
        self._maintenance: set[str] = set()

    def _events(self) -> Events:
        returning = ((Pool, "checkout", self._taken), (Pool, "checkin", self._returned))
        return (*super()._events(), *returning)

    def opening(
        self, dialect: Dialect, arguments: list[object], named: dict[str, object]
    ) -> DBAPIConnection | None:
        """Let it through, lead it to the named database, or refuse it."""
        if dialect.name != "postgresql":
            self.refuse(other_kind(dialect))
        place = read_arguments(arguments, named)
        if place is None:
            return None
        target = self.target
        if place.is_maintenance and place.database != target.database:
            target = target.with_database(place.database)
            self._maintenance.add(place.database)
        else:
            self._count(place)
        if place.reaches(target):
            return None
        ours, ours_named = arguments_for(target, dialect, named)
        return dialect.connect(*ours, **ours_named)

    def _count(self, place: Destination) -> None:
        """One destination is redirected, and that is said once; a second is refused."""
        if self._asked not in (None, place):
            self.refuse(self._second(place))
        if self._asked is None and not place.reaches(self.target):
            self._progress.note(self._redirected(place))
        self._asked = place

    def opened(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        """Prove a new connection."""
        seen = self._prove(connection)
        connection.rollback()
        if not seen.same_database:
            make_read_only(connection)
        record.info[_PROVEN] = self.holder.key

    def configured(self, connection: Connection | None) -> None:
        """Prove a connection that was taken from its pool before this run began."""
        if not isinstance(connection, Connection) or connection.closed:
            return
        info, driver = connection.info, connection.connection.dbapi_connection
        if driver is not None and info.get(_PROVEN) != self.holder.key:
            self._prove(driver)
            info[_PROVEN] = self.holder.key

    def _taken(
        self, _connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
    ) -> None:
        """Have a connection that was not proven in this run opened again."""
        if record.info.get(_PROVEN) != self.holder.key:
            raise exc.DisconnectionError("opened before this run")

    def _returned(self, connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        """Close a connection instead of pooling it."""
        if connection is not None:
            record.invalidate()

    def _prove(self, connection: DBAPIConnection) -> Seen:
        seen = self._ask(connection)
        if seen.holder == seen.backend:
            self.refuse(behind_pooler(self.target, "env.py's session shares ours on the server"))
        maintenance = seen.name.rpartition("/")[2] in self._maintenance
        if seen.holder != self.holder.backend or not (seen.same_database or maintenance):
            self.refuse(self._elsewhere(seen))
        self.backends.append(seen.backend)
        return seen

    def _ask(self, connection: DBAPIConnection) -> Seen:
        cursor = connection.cursor()
        try:
            cursor.execute(self.holder.question)
            row = cursor.fetchone()
        finally:
            cursor.close()
        assert row is not None
        return Seen(*row)

    def _redirected(self, place: Destination) -> str:
        return (
            f"env.py asks for {place.shown}; its connections go to {self.target.shown}"
            f" instead, as {self.target.source} says"
        )

    def _second(self, place: Destination) -> DbtoolError:
        asked = self._asked.shown if self._asked is not None else ""
        return OperationError(
            "the project connects to two databases, and one is named",
            detail=f"It asked for {asked}, then for {place.shown};"
            f" {self.target.source} names {self.target.shown}."
            " The second connection was refused.",
            hint="Run the databases one by one, each with an -x argument or a setting that"
            " leads env.py to it alone.",
        )

    def _elsewhere(self, seen: Seen) -> DbtoolError:
        return OperationError(
            "env.py connects to another database than the one that is named",
            detail=f"{self.target.source} names {self.target.shown}; this connection leads to"
            f" {seen.name}. A function of env.py opened it (creator=), so it could not be led"
            " elsewhere. Nothing was run there.",
            hint="Let env.py build its engine from config's sqlalchemy.url, or name the"
            " database it connects to.",
        )
