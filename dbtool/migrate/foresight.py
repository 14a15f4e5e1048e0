"""Before a downgrade runs: what it loses, which revisions refuse, and what cannot work."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.errors import OperationError
from dbtool.migrate.emptiness import Emptiness, transaction
from dbtool.migrate.failure import refused_by_author
from dbtool.migrate.given import given_to
from dbtool.migrate.location import relative_name
from dbtool.migrate.losses import Empty, Losses, Undone, by, holds_locks, numbers, rows_in
from dbtool.migrate.preview import Preview, can_run, preview
from dbtool.migrate.record import Record, Step, Table, driver_connection
from dbtool.migrate.taking import Taken, Taking
from dbtool.migrate.undoing import Undoing, read
from dbtool.migrate.unnamed import refusal as unnamed_refusal
from dbtool.ports import Progress, Silent
from dbtool.report import listed

if TYPE_CHECKING:
    from dbtool.database.connection import Connection
    from dbtool.database.sync import SyncConnection

_TOLD = 30


@dataclass(slots=True)
class Foresight:
    """What is known of a downgrade before it runs; `found` is in the order of the steps.

    `agreed` is what somebody has agreed to lose, where that is settled: no more may be lost, and
    each attempt looks again.
    """

    agreed: frozenset[str] | None = None
    found: tuple[Undone, ...] = ()
    told: bool = False
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _empty: dict[str, tuple[Empty, ...]] = field(default_factory=dict)
    _emptiness: dict[str, Emptiness] = field(default_factory=dict)
    _ours: set[int] = field(default_factory=set)
    _noted: set[str] = field(default_factory=set)
    _progress: Progress = field(default_factory=Silent)

    def look(
        self,
        connection: "SyncConnection",
        table: Table,
        context: MigrationContext,
        steps: Sequence[RevisionStep],
    ) -> None:
        """Look at the steps of one version table; raises OperationError where one cannot run."""
        key = {(table.shown, each.revision.revision) for each in steps}
        again = key <= self._seen
        if not again or self.agreed is not None:
            self._weigh(connection, table, context, steps, again=again)
        revisions, empty = [each.revision.revision for each in steps], self._empty[table.shown]
        unforeseen = frozenset(
            each.revision
            for each in self.found
            if each.version_table == table.shown and each.unknown
        )
        self._emptiness[table.shown] = Emptiness(revisions, empty, self._ours, unforeseen)
        self._seen |= key

    def _weigh(
        self,
        connection: "SyncConnection",
        table: Table,
        context: MigrationContext,
        steps: Sequence[RevisionStep],
        *,
        again: bool,
    ) -> None:
        given = given_to(context)
        readings = [(step, read(Path(step.revision.path), given)) for step in steps]
        first = all(version_table == table.shown for version_table, _ in self._seen)
        _refuse(readings, context, connection, "Nothing was run." if first else "It was not run.")
        others = [each for each in self.found if each.version_table != table.shown]
        try:
            undone, self._empty[table.shown] = _undone(
                connection, table, context, readings, self.agreed
            )
        except Exception as error:
            # Whoever goes back at night must not be kept from it by what is only told.
            undone = _unknown(table, readings, f"{type(error).__name__}: {error}")
            self._empty[table.shown] = ()
        if self.agreed is not None and (more := losing(undone) - self.agreed):
            raise _loses_more(more, undone)
        if not again:
            self.found = (*others, *undone)

    def offer(self) -> None:
        """It stands above a question: whoever says yes agrees to lose this, and no more."""
        self.told, self.agreed, self._seen = True, losing(self.found), set()

    def of(self, revision: str, version_table: str) -> Undone | None:
        """What undoing one revision loses."""
        place = (revision, version_table)
        return next((e for e in self.found if (e.revision, e.version_table) == place), None)

    def tell(self, progress: Progress, record: Record) -> None:
        """Say it where nobody was asked, and so nobody has seen it."""
        self._progress = progress
        if self.told:
            return
        self.told = True
        lines = [
            f"{step.revision} {line}"
            for step in record.planned
            if (undone := self.of(step.revision, step.version_table)) is not None
            for line in undone.lines
        ]
        for line in lines[:_TOLD]:
            progress.note(line)
        if len(lines) > _TOLD:
            progress.note(f"and {len(lines) - _TOLD} more: --plan shows them all")

    def before(self, step: Step, statement: str, connection: DBAPIConnection) -> None:
        """What held nothing when it was looked at may by now; it was agreed to as empty."""
        if (emptiness := self._emptiness.get(step.version_table)) is None:
            return
        found = emptiness.look(step.revision, statement, connection)
        for each in found.unseen:
            self._note(
                f"{each.revision} takes {each.name}, told to hold nothing: whether it still does is"
                " not known, as this role may not lock it and read all its rows"
            )
        if found.filled and self.agreed is not None:
            raise _loses_more({by(e.revision, rows_in(e.name)) for e in found.filled}, ())
        for each in found.filled:
            self._note(
                f"{each.revision} loses {rows_in(each.name)} too, which came after it was told"
            )

    def committing(self, connection: DBAPIConnection) -> None:
        """What its transaction has written is nobody else's later on."""
        if any(self._empty.values()):
            self._ours.add(transaction(connection))

    def _note(self, text: str) -> None:
        """Say it once, however many attempts find it."""
        if text not in self._noted:
            self._noted.add(text)
            self._progress.note(text)


def losing(undone: Iterable[Undone]) -> frozenset[str]:
    """What is lost in all, without numbers."""
    return frozenset().union(*(each.named for each in undone))


def _loses_more(what: Iterable[str], undone: Iterable[Undone]) -> OperationError:
    doubts = {name: why for each in undone for name, why in each.doubts.items()}
    said = [f"{each} ({doubts[each]})" if each in doubts else each for each in sorted(what)]
    return OperationError(
        "the downgrade would lose more than was agreed to",
        detail=f"New since then: {listed(said)}. None of that was run.",
        hint="Run it again to see what it loses now.",
    )


Reading = tuple[RevisionStep, Undoing]


def _refuse(
    readings: Sequence[Reading],
    context: MigrationContext,
    connection: "SyncConnection",
    state: str,
) -> None:
    """What is certain to fail is refused before anything runs."""
    for step, undoing in readings:
        file = relative_name(step.revision.path)
        if undoing.refusal is not None:
            place = f"{file}:{undoing.refusal.line}"
            said = f"{place}: {undoing.refusal.said}"
            raise refused_by_author(step.revision.revision, said, state)
        broken = [each for each in undoing.unnamed if not can_run(each, context)]
        if broken:
            raise unnamed_refusal(step.revision.revision, file, broken, undoing, connection, state)


def _undone(
    connection: "SyncConnection",
    table: Table,
    context: MigrationContext,
    readings: Sequence[Reading],
    agreed: frozenset[str] | None,
) -> tuple[tuple[Undone, ...], tuple[Empty, ...]]:
    previews = [preview(step, context, undoing) for step, undoing in readings]
    taken = list(_taken(previews))
    driver = driver_connection(context)
    found = numbers(driver, [each for step in taken for each in step[0]])
    holding = holds_locks(driver)

    async def weigh(opened: "Connection") -> tuple[tuple[Undone, ...], tuple[Empty, ...]]:
        losses = Losses(opened, found, agreed, holding)
        await losses.know()
        undone = [
            Undone(
                revision=step.revision.revision,
                version_table=table.shown,
                losses=await losses.of(step.revision.revision, takes),
                unknown=unknown,
                does_nothing=undoing.does_nothing,
            )
            for (step, undoing), (takes, unknown) in zip(readings, taken, strict=True)
        ]
        return tuple(undone), tuple(losses.empty)

    return connection.run(weigh)


def _unknown(table: Table, readings: Sequence[Reading], why: str) -> tuple[Undone, ...]:
    return tuple(
        Undone(step.revision.revision, table.shown, unknown=why, does_nothing=undoing.does_nothing)
        for step, undoing in readings
    )


def _taken(previews: Sequence[Preview]) -> Iterator[tuple[tuple[Taken, ...], str]]:
    """What each step takes, and why it may be more."""
    taking = Taking()
    for each in previews:
        takes = taking.read(each.statements)
        yield takes, each.unknown or taking.unknown
