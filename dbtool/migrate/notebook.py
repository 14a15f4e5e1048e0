"""Where the note on a half-applied revision is written: by env.py's session, which may."""

from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.database.sync import SyncConnection
from dbtool.migrate import journal as notes
from dbtool.migrate.journal import Journal
from dbtool.migrate.record import Table
from dbtool.migrate.statements import answer


class Notebook:
    """The comment on one version table.

    env.py's own session writes it: its role owns the table, or at least may migrate. Where it
    may not comment, that is said once, and a revision that ends in the middle is not recognised.
    """

    def __init__(
        self, connection: SyncConnection, table: Table, tell: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._schema, self._name = table.schema or "public", table.name
        self._comment = notes.comment_of(connection, self._schema, self._name)
        self._tell = tell
        self._is_closed = False

    def read(self) -> Journal | None:
        """The note that stands there."""
        return notes.in_comment(self._comment)

    def stamp(self) -> str:
        """Tells the rows of the version table apart from any written later."""
        return str(self._connection.fetchval(notes.stamp_query(self._schema, self._name)))

    def stamp_seen_by(self, connection: DBAPIConnection) -> str:
        """The same, as a session sees it in its transaction."""
        return str(answer(connection, notes.stamp_query(self._schema, self._name))[0])

    def write(self, connection: DBAPIConnection, journal: Journal, *, inside: bool) -> bool:
        """Write the note; whether that was possible. `inside` a transaction it commits with it."""
        return self._comment_on(connection, journal, inside=inside)

    def erase(self, connection: DBAPIConnection, *, inside: bool) -> None:
        """Take the note away."""
        self._comment_on(connection, None, inside=inside)

    def erase_from_outside(self) -> None:
        """Take away a note that no longer says anything; where that may not be, it stays."""
        with suppress(Exception):
            sql = notes.statement(self._schema, self._name, self._comment, None)
            self._connection.execute(sql)

    def _comment_on(
        self, connection: DBAPIConnection, journal: Journal | None, *, inside: bool
    ) -> bool:
        if self._is_closed:
            return False
        sql = notes.statement(self._schema, self._name, self._comment, journal)
        try:
            _run(connection, sql, inside=inside)
        except Exception as error:
            self._is_closed = True
            why = str(error).strip().partition("\n")[0]
            self._tell(
                "what is committed in the middle of a revision cannot be noted on"
                f" {self._schema}.{self._name} ({why}): a run that ends there is not gone on with"
            )
            return False
        return True


def _run(connection: DBAPIConnection, sql: str, *, inside: bool) -> None:
    """In a transaction behind a savepoint, so that a refusal does not spoil it."""
    cursor = connection.cursor()
    try:
        if not inside:
            cursor.execute(sql)
            return
        cursor.execute("SAVEPOINT dbtool_note")
        try:
            cursor.execute(sql)
        except Exception:
            cursor.execute("ROLLBACK TO SAVEPOINT dbtool_note")
            raise
        cursor.execute("RELEASE SAVEPOINT dbtool_note")
    finally:
        cursor.close()
