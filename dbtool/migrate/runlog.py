"""What a run says of itself while it works: words for a person, an event for a log."""

import time
from typing import Protocol

from dbtool.errors import DbtoolError
from dbtool.migrate.record import Step
from dbtool.ports import Progress, Value


class Tell(Protocol):
    """Says something of a run, as the event it is."""

    def __call__(self, text: str, event: str = "note", /, **fields: Value) -> None:
        """Words for a person; the event and its fields for a log."""


class RunLog:
    """Tells the events of one run, and knows which revision is at work.

    Of a run that only leads to a result of another kind no log speaks.
    """

    def __init__(self, progress: Progress, *, logs: bool = True) -> None:
        self._progress = progress
        self._logs = logs
        self._revision: str | None = None
        self._begun = time.monotonic()
        self._is_open = False

    def tell(self, text: str, event: str = "note", /, **fields: Value) -> None:
        """Something happened; a note has no more fields than its words."""
        if event == "note":
            fields = {"text": text}
        if not self._log(event, **fields):
            self._progress.note(text)

    def started(self, step: Step, *, told: bool) -> None:
        """A revision begins, perhaps again; `told` where Alembic has said so to persons."""
        self._revision = step.revision
        if not self._log("started", message=step.message or None) and not told:
            self._progress.step(f"{step.revision} {step.message}".rstrip())

    def done(self, step: Step) -> None:
        """A revision has run and is recorded."""
        self._log("done", seconds=step.seconds)
        self._revision = None

    def failed(self, error: DbtoolError) -> None:
        """A run that had begun has ended early; all the error says is printed at the end."""
        if self._is_open:
            self._log("failed", seconds=self._elapsed, exit=error.exit, error=error.message)
        self._revision = None

    def obtained(self, seconds: float) -> None:
        """The lock is ours, after a wait."""
        self._log("lock-obtained", seconds=seconds)

    def finished(self, revisions: int) -> None:
        """Everything is committed, and looked at again."""
        self._revision = None
        if self._is_open:
            self._log("finished", revisions=revisions, seconds=self._elapsed)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    def _log(self, event: str, **fields: Value) -> bool:
        self._is_open = True
        return self._logs and self._progress.log(event, {"revision": self._revision, **fields})
