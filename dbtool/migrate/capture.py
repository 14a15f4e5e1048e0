"""Record the statements that take effect while env.py runs, in the order of their commits."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine, ExecutionContext
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate.literals import rendered
from dbtool.sql.classify import Kind, traits
from dbtool.sql.names import string_literal
from dbtool.sql.text import SqlSyntaxError

_CLIENT_SETTINGS = """
    SELECT name, setting FROM pg_catalog.pg_settings
     WHERE source = 'client' AND name NOT IN ('application_name', 'client_encoding')
     ORDER BY name
"""
_ENDS = re.compile(r"(COMMIT|END|ABORT|ROLLBACK)\b(?!.*\b(?:TO|PREPARED)\b)", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Seen:
    """A statement that was only read with: which relations it looked at, which functions it
    called."""

    sql: str
    relations: tuple[str, ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that says what the statements below it belong to."""

    text: str


Entry = str | Seen | Comment


@dataclass(slots=True)
class Track:
    """The open transaction of one connection; nothing of it counts before its commit."""

    connection: DBAPIConnection
    entries: list[Entry] = field(default_factory=list)


class Capture:
    """Listens to every engine of the process for as long as the block lasts.

    One script comes out of however many connections there were: each transaction as a whole
    where it was committed, each statement outside of one where it ran. `entries` are that
    script; `reads` are all statements that only looked, also those of transactions given up.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.reads: list[Seen] = []
        self._tracks: dict[int, Track] = {}
        self._comments: list[Comment] = []

    def __enter__(self) -> Self:
        for name, function in self._events():
            event.listen(Engine, name, function)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, function in self._events():
            event.remove(Engine, name, function)

    def _events(self) -> tuple[tuple[str, Callable[..., None]], ...]:
        return (
            ("after_cursor_execute", self._executed),
            ("commit", self._committed),
            ("rollback", self._rolled_back),
        )

    def comment(self, text: str) -> None:
        """Say something above the statement that comes next."""
        self._comments.append(Comment(" ".join(text.split())))

    def _executed(
        self,
        connection: Connection,
        _cursor: object,
        statement: str,
        parameters: Sequence[object] | Mapping[str, object],
        context: ExecutionContext,
        executemany: bool,
    ) -> None:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        track = self._track(driver)
        bare = not parameters and cast("Any", context).no_parameters
        for each in parameters if executemany else (parameters,):
            text = statement
            if not bare:
                own = connection.connection.driver_connection
                text = rendered(connection.dialect.driver, own, statement, each)
            self._add(track, text.strip().rstrip(";").rstrip())

    def _add(self, track: Track, sql: str) -> None:
        outside, found = getattr(track.connection, "autocommit", False), _looked_at(sql)
        if isinstance(found, Seen):
            self.reads.append(found)
        else:
            end = None if outside else _ENDS.match(found)
            if end is not None:
                self._flush(track, commits=end[1].upper() in ("COMMIT", "END"))
                return
            track.entries += self._comments
            self._comments = []
        track.entries.append(found)
        if outside:
            self._flush(track, whole=False)

    def _track(self, driver: DBAPIConnection) -> Track:
        """What a connection has not committed; its own settings come first of all."""
        if id(driver) not in self._tracks:
            self._tracks[id(driver)] = Track(driver)
            self.entries += [
                f"SELECT pg_catalog.set_config({string_literal(name)},"
                f" {string_literal(value)}, false)"
                for name, value in _client_settings(driver)
            ]
        return self._tracks[id(driver)]

    def _committed(self, connection: Connection) -> None:
        if track := self._tracks.get(id(connection.connection.dbapi_connection)):
            self._flush(track)

    def _rolled_back(self, connection: Connection) -> None:
        if track := self._tracks.get(id(connection.connection.dbapi_connection)):
            self._flush(track, commits=False)

    def _flush(self, track: Track, *, commits: bool = True, whole: bool = True) -> None:
        """What a connection did takes effect, as one transaction or by itself, or never will."""
        if commits:
            around = whole and any(isinstance(each, str) for each in track.entries)
            self.entries += ["BEGIN", *track.entries, "COMMIT"] if around else track.entries
        track.entries.clear()


def _looked_at(sql: str) -> str | Seen:
    """The statement, unless by its text it only reads; what it calls may still write."""
    try:
        found = traits(sql)
    except SqlSyntaxError:
        return sql
    reads = found.kind is Kind.SELECT or sql[:5].upper() == "SHOW "
    return Seen(sql, found.relations, found.functions) if reads else sql


def _client_settings(driver: DBAPIConnection) -> Sequence[tuple[str, str]]:
    """What the connection was opened with, such as a search_path in connect_args."""
    cursor = driver.cursor()
    try:
        cursor.execute(_CLIENT_SETTINGS)
        return list(cast("Sequence[tuple[str, str]]", cursor.fetchall()))
    finally:
        cursor.close()
