"""What a family may ask of whoever runs it: show progress, put a question, stream a result.

A terminal, a CI log and a test each bring their own.
"""

from collections.abc import Mapping
from typing import NoReturn, Protocol

from dbtool.errors import UsageError
from dbtool.report import Report

Value = str | int | float | None
"""What a field of an event holds; one that is None is left out."""


class Progress(Protocol):
    """Tells the user on stderr what is going on."""

    def step(self, text: str) -> None:
        """Begin a stage that may take a while."""

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Say how far the current stage is."""

    def note(self, text: str) -> None:
        """Say something worth knowing that is neither a result nor an error."""

    def log(self, event: str, fields: Mapping[str, Value]) -> bool:
        """Write an event for a machine that reads along; False where a person has to be told."""


class Ask(Protocol):
    """Puts a question to a person; where nobody can answer it raises UsageError."""

    def confirm(self, question: str) -> bool:
        """A yes or no question; the default is no."""

    def type_name(self, question: str, name: str) -> bool:
        """Whether the person typed exactly `name`."""


class Emit(Protocol):
    """Sends one report of a stream on its way as soon as it is known."""

    def __call__(self, report: Report) -> None:
        """Send the report."""


class Silent:
    """A Progress that says nothing."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def log(self, event: str, fields: Mapping[str, Value]) -> bool:  # noqa: ARG002
        """Leave it to what is said to persons, which is nothing."""
        return False


class Nobody:
    """An Ask for where nobody is there to answer."""

    def confirm(self, question: str) -> NoReturn:
        """Refuse."""
        raise UsageError("this needs a yes, and nobody is there to ask", detail=question)

    def type_name(self, question: str, name: str) -> NoReturn:
        """Refuse."""
        raise UsageError(
            f'this needs the name "{name}" typed, and nobody is there to ask', detail=question
        )
