"""Go on with a revision that ended in the middle: leave out what it has committed before."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.database.sync import SyncConnection
from dbtool.errors import OperationError
from dbtool.migrate import journal as notes
from dbtool.migrate.advice import written
from dbtool.migrate.halfway import for_a_person, goes_on, line
from dbtool.migrate.journal import Entry, Journal
from dbtool.migrate.notebook import Notebook
from dbtool.migrate.record import Table
from dbtool.migrate.waits import How

if TYPE_CHECKING:
    from dbtool.migrate.effects import Catalogue

_RETURNS = re.compile(r"\bRETURNING\b", re.IGNORECASE)


class Resume:
    """The note of one version table, and the statements of the revision that is running.

    `earlier` is that of the attempt before.
    """

    def __init__(
        self,
        connection: SyncConnection,
        table: Table,
        how: How,
        tell: Callable[[str], None],
        earlier: "Resume | None" = None,
    ) -> None:
        self._connection = connection
        self._table = table
        self._how = how
        self._tell = tell
        self._notes = Notebook(connection, table, tell)
        self._found = self._notes.read()
        self._written: list[Journal] = earlier._written if earlier is not None else []
        self._journal = Journal("", down=False)
        self._inside: list[str] = []
        self._replay: list[Entry] = []
        self._skipped = 0
        self._undecided: Entry | None = None
        self._ours: set[str] = set()
        self._built: set[tuple[str, str]] = set()
        self._alone: tuple[str, Entry | None] = ("", None)
        self._is_hint = False
        self._goes_on = False
        self._driver: DBAPIConnection | None = None
        self.is_noted = False

    @property
    def found(self) -> Journal | None:
        """The note that an earlier run has left, until it is gone on with."""
        return self._found

    @cached_property
    def _catalogue(self) -> "Catalogue":
        """Few runs leave a transaction; the others need no parser."""
        from dbtool.migrate.effects import Catalogue, path_of

        def path() -> str:
            assert self._driver is not None
            return path_of(self._driver)

        return Catalogue(self._connection, path)

    def forget(self) -> None:
        """What stands there says nothing any more."""
        self._found = None
        self._notes.erase_from_outside()

    def begin(self, revision: str, *, down: bool) -> None:
        """A revision begins; raises OperationError where only a person can say how to go on."""
        self._journal, self._inside, self._replay = Journal(revision, down), [], []
        self._skipped, self._undecided, self.is_noted = 0, None, False
        self._goes_on = False
        found = self._found
        if found is not None and not found.legible:
            self._found, self.is_noted = None, True
            return
        if found is None or (found.revision, found.down) != (revision, down):
            return
        self._found, self.is_noted, self._goes_on = None, True, True
        if self._how is How.RERUN and found not in self._written:
            return
        self._replay = [*found.done, *((found.begun,) if found.begun else ())]
        self._undecided = found.begun
        self._is_hint = found.stamp != self._stamp()
        self._ours = {found.begun.key} if found.begun else set()
        if self._how is not How.SKIP and found.asks:
            raise for_a_person(found)
        self._tell(goes_on(found))

    def is_done(self, statement: str, connection: DBAPIConnection) -> bool:
        """Whether a statement was committed by an earlier run, and is to be left out."""
        if not self._replay:
            return False
        key = notes.entry(statement, repeatable=True).key
        place = next((n for n, each in enumerate(self._replay) if each.key == key), None)
        if place is None:
            return False
        self._driver = connection
        expected, is_last = self._replay[place], place == len(self._replay) - 1
        if self._how is How.SKIP:
            self._refuse_to_guess(statement, expected)
        elif self._must_run(statement, undecided=is_last and expected is self._undecided):
            self._replay = []
            return False
        self._replay = self._replay[place + 1 :]
        self._skipped += 1
        self._journal = self._journal.with_done(expected)
        return True

    def _must_run(self, statement: str, *, undecided: bool) -> bool:
        """Whether it, and all behind it, is still to do; raises where that is not certain."""
        stands = self._catalogue.stands(statement)
        if stands is False and undecided:
            return True
        if stands is False:
            # Taking anything away could hit what has since been put in its place.
            if self._skipped or not all(each.additive for each in self._replay):
                return self._runs_again(statement)
            self._tell("what it had committed was undone since; it runs from its first statement")
            return True
        if stands is None and (undecided or self._is_hint):
            return self._runs_again(statement)
        return False

    def _runs_again(self, statement: str) -> bool:
        """Nobody is asked who has said that all of it may run again."""
        if self._how is not How.RERUN:
            raise self._puzzled(statement)
        return True

    def _refuse_to_guess(self, statement: str, expected: Entry) -> None:
        """A statement left out changes no row and returns none, which what follows may need."""
        if expected.repeatable or (expected.times == 1 and not _RETURNS.search(statement)):
            return
        raise OperationError(
            f"revision {self._journal.revision} cannot go on behind what it has committed",
            detail=f"{line(expected)}\nIts code looks at what this statement does, and left out"
            " it does nothing.",
            hint=f"If it may run again: --resume rerun. Else finish it by hand, then: dbtool stamp"
            f" {self._journal.revision}.",
        )

    def inside(self, statement: str) -> None:
        """A statement of the transaction; whether it stays is decided when that is committed."""
        self._inside.append(statement)

    def leaving(self, connection: DBAPIConnection) -> None:
        """The transaction is about to be committed in the middle: note what it holds, in it."""
        entries = [each for each in map(self._entry, self._inside) if each is not None]
        self._inside = []
        self._journal = self._journal.with_done(*entries)
        # In the transaction about to be committed, so that the note stands or falls with it.
        self._journal = replace(self._journal, stamp=self._notes.stamp_seen_by(connection))
        self._write(connection, inside=True)

    def beginning(self, statement: str, connection: DBAPIConnection) -> str:
        """A statement that commits by itself is about to begin; what is to run for it."""
        self._driver = connection
        self._begin_alone(statement, connection)
        return self._catalogue.finishing(statement) or statement

    def _begin_alone(self, statement: str, connection: DBAPIConnection) -> None:
        from dbtool.migrate.effects import reindexed

        entry = self._entry(statement)
        self._alone = statement, entry
        if self._goes_on and (again := reindexed(statement)):
            for copy in self._catalogue.copies_of_index(*again):
                self._remove(*copy)
        if entry is None:
            return
        if index := self._catalogue.building(statement):
            if self._catalogue.is_broken(*index):
                self._remove_broken(*index, ours=entry.key in self._ours or index in self._built)
            # The note knows no schema: of builds of one text it speaks of the next.
            self._ours.discard(entry.key)
            self._built.add(index)
        noted = not entry.repeatable and any(each.key == entry.key for each in self._journal.done)
        self._journal = self._journal.beginning(entry)
        if not noted:
            self._write(connection)

    def ended(self, statement: str, connection: DBAPIConnection) -> None:
        """It has succeeded; how often it did is written down ever more seldom."""
        if (entry := self._begun(statement)) is not None:
            self._journal = self._journal.with_done(entry)
            times = self._journal.done[-1].times
            if times & (times - 1) == 0:
                self._write(connection)

    def failed(self, statement: str, connection: DBAPIConnection) -> None:
        """The server has said that it did nothing; a failed build may leave an index behind."""
        entry = self._begun(statement)
        if entry is not None and not entry.repeatable:
            self._journal = self._journal.without_begun()
            self._write(connection)

    def recorded(self, connection: DBAPIConnection, *, inside: bool) -> None:
        """The revision is recorded: what was noted of it goes, in the same transaction."""
        if self.is_noted:
            self._notes.erase(connection, inside=inside)

    def _remove_broken(self, schema: str, name: str, *, ours: bool) -> None:
        """An invalid index that an earlier build of ours left is in the way of the next."""
        if not ours:
            drop = f"DROP INDEX CONCURRENTLY {written(schema)}.{written(name)};"
            raise OperationError(
                f"index {name} exists and is invalid",
                detail="A build that failed has left it, which was none of dbtool's, or a drop that"
                " was interrupted. No query uses it, and IF NOT EXISTS would take it for the one"
                " to build.",
                hint=f"If nobody is building it now: {drop}",
            )
        self._remove(schema, name)

    def _remove(self, schema: str, name: str) -> None:
        left = f"index {name} was left invalid by a build that ended early"
        if kept := self._catalogue.kept_from_dropping(schema, name):
            why, owner = kept
            drop = f"DROP INDEX CONCURRENTLY {written(schema)}.{written(name)};"
            hint = f"Let {owner} run: {drop} Then run the same command again."
            raise OperationError(left, detail=why, hint=hint)
        self._tell(f"{left}; it is dropped")
        self._catalogue.drop_index(schema, name)

    def _begun(self, statement: str) -> Entry | None:
        """What was found out of it when it began: our own connection may be lost since."""
        return self._alone[1] if self._alone[0] == statement else None

    def _entry(self, statement: str) -> Entry | None:
        from dbtool.migrate.effects import Lasting, is_additive

        if notes.writes_version(statement, self._table.name):
            return None
        lasting = self._catalogue.lasting(statement)
        if lasting is Lasting.NOTHING:
            return None
        schema = lasting is Lasting.SCHEMA
        return notes.entry(statement, repeatable=schema, additive=schema and is_additive(statement))

    def _write(self, connection: DBAPIConnection, *, inside: bool = False) -> None:
        if not self._journal.stamp:
            self._journal = replace(self._journal, stamp=self._stamp() or "")
        whole = self._whole()
        self.is_noted = self._notes.write(connection, whole, inside=inside)
        if self._how is How.RERUN and self.is_noted:
            self._written.append(whole)

    def _stamp(self) -> str | None:
        """None where only the role that env.py takes on may read the version table."""
        with suppress(Exception):
            return self._notes.stamp()
        return None

    def _whole(self) -> Journal:
        """What this attempt knows, and what an earlier one did that has not come by yet."""
        journal, undecided = self._journal, self._undecided
        left = [each for each in self._replay if each is not undecided]
        open_still = undecided if undecided in self._replay else None
        return replace(journal, done=(*journal.done, *left), begun=journal.begun or open_still)

    def _puzzled(self, statement: str) -> OperationError:
        journal = Journal(self._journal.revision, self._journal.down, tuple(self._replay))
        error = for_a_person(journal)
        excerpt = notes.entry(statement, repeatable=True).excerpt
        return OperationError(
            error.message,
            detail=f"The catalogue does not tell whether this is done: {excerpt}",
            hint=error.hint,
        )
