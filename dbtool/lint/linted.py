"""What was said of migrations that were judged."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbtool.finding import Finding, Unknown
from dbtool.lint.settled import Allowed
from dbtool.lint.subject import Step
from dbtool.lint.values import value
from dbtool.statement import Statement


@value()
class Verdict:
    """What was said of one statement; `effects` are its locks and work in words."""

    statement: Statement
    steps: tuple[Step, ...] = field(repr=False, metadata={"json": False})
    effects: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    unknowns: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said of one migration; `findings` are those about it as a whole.

    `allowed` is what was found and is not to be said, by the reasons in the migration's file;
    `read` is false where a part of it could not be read.
    """

    name: str
    file: str
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    read: bool = True


@dataclass(frozen=True, slots=True)
class Linted:
    """The judged migrations, and how many others led to the state they were judged in.

    `server` is the major version of PostgreSQL they were judged for, `chosen` says which they
    are and why those, `known_from` where the schema before them was read.
    """

    outcomes: tuple[Outcome, ...]
    replayed: int = 0
    server: int = 18
    chosen: str = ""
    known_from: str = ""

    @property
    def statements(self) -> int:
        """How many statements were judged."""
        return sum(len(each.verdicts) for each in self.outcomes)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings in the order of the statements."""
        return tuple(said for each in self.outcomes for said in _said(each))

    @property
    def allowed(self) -> tuple[Allowed, ...]:
        """All that the team allows."""
        return tuple(each for outcome in self.outcomes for each in outcome.allowed)

    @property
    def unknowns(self) -> tuple[Unknown, ...]:
        """All that could not be decided, in the order of the statements."""
        return tuple(said for each in self.outcomes for said in _undecided(each))


def _said(outcome: Outcome) -> Iterator[Finding]:
    for verdict in outcome.verdicts:
        yield from verdict.findings
    yield from outcome.findings


def _undecided(outcome: Outcome) -> Iterator[Unknown]:
    for verdict in outcome.verdicts:
        yield from verdict.unknowns
    yield from outcome.unknowns
