"""One of Alembic's commands, as a session carries it out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.database.sync import SyncConnection
from dbtool.migrate.record import Record, Step, Table
from dbtool.ports import Progress

Steps = Callable[[ScriptDirectory, tuple[str, ...]], list[RevisionStep]]


class Prelude(Protocol):
    """What a command looks at before its revisions run."""

    def look(
        self,
        connection: SyncConnection,
        table: Table,
        context: MigrationContext,
        steps: Sequence[RevisionStep],
    ) -> None:
        """The steps are known, and nobody has agreed to them; what cannot run is refused."""

    def tell(self, progress: Progress, record: Record) -> None:
        """They are agreed to and are about to run."""


class Hearing(Protocol):
    """What hears of the steps' transactions."""

    def before(self, step: Step, statement: str, connection: DBAPIConnection) -> None:
        """A statement is about to run; it may be refused."""

    def committing(self, connection: DBAPIConnection) -> None:
        """The transaction is about to end."""


@dataclass(frozen=True, slots=True)
class Command:
    """One of Alembic's commands: its words, its steps, and what env.py may ask about it.

    `always` runs it even where it has no steps; `purge` forgets what is recorded first;
    `prelude` looks at the steps before they run.
    """

    words: tuple[str, ...]
    steps: Steps
    options: Mapping[str, object] = field(default_factory=dict)
    always: bool = False
    purge: bool = False
    prelude: Prelude | None = None
    hearing: Hearing | None = None

    @property
    def resumes(self) -> bool:
        """Whether it runs revisions, one of which may have ended in the middle before."""
        return self.words[0] in ("upgrade", "downgrade")

    @property
    def down(self) -> bool:
        """Whether it undoes."""
        return self.words[0] == "downgrade"
