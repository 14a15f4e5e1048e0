"""Prove that every connection env.py opens leads to the database the user named.

A team's env.py decides where it connects: it may take the URL it is given, compute its own,
hard-code one, build an engine around a function of its own, or open several. While it runs,
every engine of the process is listened to, and the rule is:

* Where nobody named a database, the first one env.py asks for is the named one.
* A run asks for one destination. The first one SQLAlchemy is asked to connect to is that one;
  a second, different one is refused, whichever of them is the named one. Otherwise what was
  meant for a second database could end up in the first.
  On a throwaway server it gets an empty database of its own, unless Alembic is to work there.
* If that destination is the named database, the connection opens as env.py wrote it.
* If it is another, the connection is led to the named database instead, and a note says what
  env.py had asked for.
* A maintenance database (`postgres`), which many an env.py asks whether its own database
  exists, may be asked on the named server, read-only, and does not count. Where nobody named
  a database it is env.py's own business, and meant only if nothing else is asked for.
  Where Alembic is to work in it, env.py does mean it: on a throwaway server env.py runs again,
  and is led from there like from any other; elsewhere it is refused.
* A database of another kind, and any connection in offline mode, is refused.
* Where the arguments do not say where they lead (`creator=`, `async_creator=`, services,
  lists of hosts), the connection is opened as it is; in a run on a throwaway server a
  function of the team's own is not called, and its engine is led there (see `creators`).
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

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, exc
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from dbtool.database.target import Target
from dbtool.database.waiting import wait_for_server
from dbtool.errors import DbtoolError
from dbtool.migrate import misled, pooler
from dbtool.migrate.destination import (
    Destination,
    arguments_for,
    read_arguments,
    target_of,
    unprepared,
    with_search_path,
)
from dbtool.migrate.holder import Holder
from dbtool.migrate.listener import (
    Events,
    Listener,
    Stop,
    make_read_only,
    other_kind,
    set_for_session,
)
from dbtool.migrate.lock import lost
from dbtool.ports import Progress

_PROVEN = "dbtool proved this connection against the lock"
_LOOKING = "dbtool lets this connection only look around"
_ASIDE = "dbtool led this connection to an empty database beside the named one"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a connection says about itself."""

    backend: int
    holder: int | None
    same_database: bool
    name: str

    @property
    def database(self) -> str:
        """The database alone."""
        return self.name.rpartition("/")[2]


class Watch(Listener):
    """Leads every connection to the named database and lets none through unproven."""

    def __init__(
        self,
        target: Target | None,
        progress: Progress,
        search_path: str | None = None,
        *,
        reading: bool = False,
        direct: bool = False,
    ) -> None:
        super().__init__()
        self._search_path = search_path
        self.reading, self._direct = reading, direct
        self.wait_db, self.sets_aside, self.is_throwaway = 0.0, False, False
        self.meant: Destination | None = None
        self.backends: list[int] = []
        self._progress = progress
        self.holder = None if target is None else self._made(target)
        self.migrating: Callable[[], None] | None = None
        self._asked: Destination | None = None
        self._provisional: Target | None = None
        self._maintenance: dict[str, Destination] = {}
        self._aside: dict[str, Destination] = {}
        self._creator: object = None
        self._token = object()

    def close(self) -> None:
        """Give up the lock and our own connection."""
        if self.holder is not None:
            self.holder.close()

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
        if self.holder is None:
            wanted = target_of(place, named)
            if place.is_maintenance and self._provisional in (None, wanted):
                self._provisional = wanted
                return None
            self._hold(wanted)
        return self._led(place, dialect, named)

    def _hold(self, target: Target) -> Holder:
        """What env.py asks for is the named database from now on."""
        try:
            if self.wait_db:
                wait_for_server(target, self.wait_db, self._progress)
            self.holder = self._made(target)
        except DbtoolError as error:
            self.refuse(error)
        return self.holder

    def _made(self, target: Target) -> Holder:
        holder = Holder(target, reading=self.reading, direct=self._direct)
        if holder.pooled:
            self._progress.note(pooler.note(target, holder.pooled))
        return holder

    def _led(
        self, place: Destination, dialect: Dialect, named: dict[str, object]
    ) -> DBAPIConnection | None:
        target = self._held.target
        if place.is_maintenance and place.database != target.database and place != self.meant:
            target = target.with_database(place.database)
            self._maintenance[place.database] = place
        elif self.sets_aside and self._asked not in (None, place):
            target = target.with_database(self._beside(place))
        else:
            self._count(place)
        kept = dict(named)
        if self._held.pooled:
            self._refuse_settings(target)
            kept |= unprepared(dialect)
        elif self._search_path is not None:
            kept = with_search_path(dialect, kept, self._search_path)
        elif place.reaches(target):
            return None
        if place.reaches(target):
            return dialect.connect(**kept)
        ours, ours_named = arguments_for(target, dialect, kept)
        return dialect.connect(*ours, **ours_named)

    def lead(self, dialect: Dialect, creator: object) -> DBAPIConnection:
        """Open a connection to the named database in place of a function of the team's own."""
        self.begun = True
        if self._is_closed:
            raise Stop
        if dialect.name != "postgresql":
            self.refuse(other_kind(dialect))
        target = self._held.target
        if self._creator is not None and self._creator is not creator:
            self.refuse(misled.second_function(target))
        if self._creator is None:
            self._progress.note(misled.led_instead(target))
        self._creator = creator
        arguments, named = arguments_for(target, dialect, {})
        return dialect.connect(*arguments, **named)

    def _beside(self, place: Destination) -> str:
        """An empty database on the throwaway server, for another one that env.py asks for."""
        name = next((each for each, other in self._aside.items() if other == place), None)
        if name is None:
            name = f"aside_{secrets.token_hex(4)}"
            self._held.connection.execute(f"CREATE DATABASE {name}")
            self._aside[name] = place
        return name

    def _refuse_settings(self, target: Target) -> None:
        """A SET of ours would stay on a server process that others use next."""
        if target.database != self._held.target.database or self._search_path is not None:
            self.refuse(pooler.refusal(self._held.target, self._held.pooled))

    @property
    def _held(self) -> Holder:
        assert self.holder is not None
        return self.holder

    def _count(self, place: Destination) -> None:
        """One destination is redirected, and that is said once; a second is refused."""
        target = self._held.target
        if self._asked is not None and self._asked != place:
            self.refuse(misled.second(self._asked, place, target))
        if self._asked is None and not place.reaches(target):
            self._progress.note(misled.redirected(place, target))
        self._asked = place

    def opened(self, connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        """Prove a new connection."""
        if self.holder is None:
            if self._provisional is None:
                self.refuse(misled.unreadable())
        else:
            seen = self._prove(connection)
            connection.rollback()
            if seen.database in self._aside:
                record.info[_ASIDE] = self._aside[seen.database]
            elif not seen.same_database:
                make_read_only(connection)
                record.info[_LOOKING] = self._maintenance[seen.database]
            elif self._search_path is not None:
                set_for_session(connection, f"SET search_path TO {self._search_path}")
        record.info[_PROVEN] = self._token

    def configured(self, connection: Connection | None) -> None:
        """Prove the connection that Alembic is to work on, unless that was done."""
        if not isinstance(connection, Connection) or connection.closed:
            return
        if self.holder is None:
            if self._provisional is None:
                self.refuse(misled.unreadable())
            self._hold(self._provisional)
        elif connection.info.get(_PROVEN) is self._token:
            if (place := connection.info.get(_ASIDE)) and self._asked is not None:
                self.refuse(misled.second(self._asked, place, self._held.target))
            if place := connection.info.get(_LOOKING):
                self._is_meant(place)
            return
        driver = connection.connection.dbapi_connection
        assert driver is not None
        self._prove(driver)
        connection.info[_PROVEN] = self._token

    def _is_meant(self, place: Destination) -> None:
        """Alembic is to work in a maintenance database, and the connection leads beside ours."""
        if known := self._asked or self.meant:
            self.refuse(misled.second(known, place, self._held.target))
        if not self.is_throwaway:
            self.refuse(misled.maintenance(place, self._held.target))
        self.meant = place
        raise Stop

    def reads_versions(self) -> None:
        """Have somebody look on from now on: whoever locks the version table is waited for."""
        if self.migrating is not None and self.holder is not None and not self.holder.pooled:
            self.migrating()

    def _taken(
        self, _connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
    ) -> None:
        """Have a connection that was not proven in this run opened again."""
        if record.info.get(_PROVEN) is not self._token:
            raise exc.DisconnectionError("opened before this run")

    def _returned(self, connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        """Close a connection instead of pooling it."""
        if connection is not None:
            record.invalidate()

    def _prove(self, connection: DBAPIConnection) -> Seen:
        holder = self._held
        seen = _ask(connection, holder.question)
        if seen.holder == seen.backend:
            seen_here = pooler.Evidence("env.py's session shares ours on the server")
            self.refuse(pooler.refusal(holder.target, seen_here))
        beside = seen.database in self._maintenance or seen.database in self._aside
        if seen.holder != holder.backend or not (seen.same_database or beside):
            if not holder.lives:
                self.refuse(lost("Our session on the server ended."))
            self.refuse(misled.elsewhere(seen.name, holder.target))
        self.backends.append(seen.backend)
        return seen


def _ask(connection: DBAPIConnection, question: str) -> Seen:
    cursor = connection.cursor()
    try:
        cursor.execute(question)
        row = cursor.fetchone()
    finally:
        cursor.close()
    assert row is not None
    return Seen(*row)
