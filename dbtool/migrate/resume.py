"""Go on with a revision that ended in the middle: leave out what it has committed before."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.database.sync import SyncConnection
from dbtool.errors import OperationError
from dbtool.migrate import journal as notes
from dbtool.migrate.journal import Entry, Journal
from dbtool.migrate.record import Table
from dbtool.migrate.statements import answer
from dbtool.migrate.waits import How
from dbtool.report import counted

if TYPE_CHECKING:
    from dbtool.migrate.effects import Catalogue

_LISTED = 8


class Resume:
    """The note of one version table, and the statements of the revision that is running."""

    def __init__(
        self, connection: SyncConnection, table: Table, how: How, tell: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._table = table
        self._how = how
        self._tell = tell
        self._schema, self._name = table.schema or "public", table.name
        self._comment = notes.comment_of(connection, self._schema, self._name)
        self._found = notes.read(connection, self._schema, self._name)
        self._journal = Journal("", down=False)
        self._inside: list[str] = []
        self._replay: list[Entry] = []
        self._skipped = 0
        self._undecided: Entry | None = None
        self._ours: set[str] = set()
        self._is_hint = False
        self.is_noted = False

    @cached_property
    def _catalogue(self) -> "Catalogue":
        """Few runs leave a transaction; the others need no parser."""
        from dbtool.migrate.effects import Catalogue

        return Catalogue(self._connection, self._table.schema)

    def begin(self, revision: str, *, down: bool) -> None:
        """A revision begins; raises OperationError where only a person can say how to go on."""
        self._journal, self._inside, self._replay = Journal(revision, down), [], []
        self._skipped, self._undecided, self.is_noted = 0, None, False
        found = self._found
        if found is None or (found.revision, found.down) != (revision, down):
            return
        self._found = None
        if self._how is How.RERUN:
            return
        self._replay = [*found.done, *((found.begun,) if found.begun else ())]
        self._undecided = found.begun
        self._is_hint = found.stamp != self._stamp()
        self._ours = {each.key for each in self._replay}
        if self._how is How.AUTO and not all(each.repeatable for each in self._replay):
            raise _for_a_person(found)
        self.is_noted = True
        many = counted(len(found.done), "statement")
        is_are = "is" if len(found.done) == 1 else "are"
        self._tell(f"revision {revision} is half applied: {many} of it {is_are} committed already")

    def is_done(self, statement: str) -> bool:
        """Whether a statement was committed by an earlier run, and is to be left out."""
        if not self._replay:
            return False
        key = notes.entry(statement, repeatable=True).key
        place = next((n for n, each in enumerate(self._replay) if each.key == key), None)
        if place is None:
            return False
        expected, is_last = self._replay[place], place == len(self._replay) - 1
        stands = self._catalogue.stands(statement)
        undecided = is_last and expected is self._undecided
        if stands is False and undecided:
            self._replay = []
            return False
        if stands is False and not self._skipped:
            self._tell("what it had committed was undone since; it runs from its first statement")
            self._replay = []
            return False
        in_doubt = (undecided or self._is_hint) and self._how is not How.SKIP
        if stands is False or (stands is None and in_doubt):
            raise self._puzzled(expected)
        self._replay = self._replay[place + 1 :]
        self._skipped += 1
        self._journal = self._journal.with_done(expected)
        return True

    def inside(self, statement: str) -> None:
        """A statement of the transaction; whether it stays is decided when that is committed."""
        self._inside.append(statement)

    def leaving(self, connection: DBAPIConnection) -> None:
        """The transaction is about to be committed in the middle: note what it holds, in it."""
        entries = [each for each in map(self._entry, self._inside) if each is not None]
        self._inside = []
        self._journal = self._journal.with_done(*entries)
        # In the transaction about to be committed, so that the note stands or falls with it.
        stamp = str(answer(connection, notes.stamp_query(self._schema, self._name))[0])
        self._journal = replace(self._journal, stamp=stamp)
        cursor = connection.cursor()
        try:
            cursor.execute(self._written(self._whole()))
        finally:
            cursor.close()
        self.is_noted = True

    def beginning(self, statement: str) -> None:
        """A statement that commits by itself is about to begin."""
        from dbtool.migrate.effects import index_of

        if (entry := self._entry(statement)) is None:
            return
        if index := index_of(statement):
            self._remove_broken(*index, ours=entry.key in self._ours)
        self._ours.add(entry.key)
        self._journal = self._journal.beginning(entry)
        self._write()

    def ended(self, statement: str) -> None:
        """It has succeeded."""
        if (entry := self._entry(statement)) is not None:
            self._journal = self._journal.with_done(entry)
            self._write()

    def _remove_broken(self, schema: str, name: str, *, ours: bool) -> None:
        """An invalid index that an earlier build of ours left is in the way of the next."""
        if self._catalogue.index_is_valid(schema, name) is not False:
            return
        if not ours:
            raise OperationError(
                f"index {name} exists and is invalid",
                detail="A build that failed has left it, and it was none of dbtool's. No query"
                " uses it, and IF NOT EXISTS would take it for the one to build.",
                hint=f"If nobody is building it now: DROP INDEX CONCURRENTLY {name}.",
            )
        self._tell(f"index {name} was left invalid by a build that ended early; it is dropped")
        self._catalogue.drop_index(schema, name)

    def forget(self) -> None:
        """The run is over and everything recorded: the note has served."""
        if self.is_noted or notes.read(self._connection, self._schema, self._name):
            self._connection.execute(self._written(None))
        self.is_noted = False

    def _entry(self, statement: str) -> Entry | None:
        if notes.writes_version(statement, self._name):
            return None
        from dbtool.migrate.effects import Lasting, lasting

        effect = lasting(statement)
        if effect is Lasting.NOTHING:
            return None
        return notes.entry(statement, repeatable=effect is Lasting.SCHEMA)

    def _written(self, journal: Journal | None) -> str:
        return notes.statement(self._schema, self._name, self._comment, journal)

    def _stamp(self) -> str:
        return str(self._connection.fetchval(notes.stamp_query(self._schema, self._name)))

    def _write(self) -> None:
        if not self._journal.stamp:
            self._journal = replace(self._journal, stamp=self._stamp())
        self._connection.execute(self._written(self._whole()))
        self.is_noted = True

    def _whole(self) -> Journal:
        """What this attempt knows, and what an earlier one did that has not come by yet."""
        journal, undecided = self._journal, self._undecided
        left = [each for each in self._replay if each is not undecided]
        open_still = undecided if undecided in self._replay else None
        return replace(journal, done=(*journal.done, *left), begun=journal.begun or open_still)

    def _puzzled(self, entry: Entry) -> OperationError:
        journal = Journal(self._journal.revision, self._journal.down, tuple(self._replay))
        error = _for_a_person(journal)
        return OperationError(
            error.message,
            detail=f"The catalogue does not tell whether this is done: {entry.excerpt}",
            hint=error.hint,
        )


def _for_a_person(journal: Journal) -> OperationError:
    lines = [f"  {each.excerpt}" for each in journal.done[:_LISTED]]
    if len(journal.done) > _LISTED:
        lines.append(f"  and {len(journal.done) - _LISTED} more")
    if journal.begun is not None:
        lines.append(f"begun, and perhaps done: {journal.begun.excerpt}")
    verb = "downgrade" if journal.down else "upgrade"
    return OperationError(
        f"revision {journal.revision} is half applied, and only you can say how to go on",
        detail="An earlier run has committed of it:\n" + "\n".join(lines),
        hint=f"dbtool {verb} --resume skip leaves these statements out and runs the rest;"
        " --resume rerun runs all of it again. Or finish it by hand, then: dbtool stamp"
        f" {journal.revision}.",
    )
