"""What came of one revision on its way up, down and up again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from dbtool.finding import Location
from dbtool.migrate.diff.catalogs import Change, How
from dbtool.report import listed

_SHOWN = 10
_TYPES = frozenset({"enum", "enum label", "sequence", "domain", "function", "extension", "schema"})


class Outcome(StrEnum):
    """How a round trip ended, the good first.

    `irreversible` is the author's word: downgrade() raises, or there is none. `empty` is a
    downgrade() that says it undoes and does nothing. `leaks` leaves something behind that
    nothing needs; `differs` does not lead back to where it was. `unknown` takes for its upgrade
    what is not there where it was tried.
    """

    REVERSIBLE = "reversible"
    IRREVERSIBLE = "irreversible"
    EMPTY = "empty"
    LEAKS = "leaks"
    DIFFERS = "differs"
    UPGRADE_FAILS = "upgrade fails"
    DOWNGRADE_FAILS = "downgrade fails"
    FAILS_AGAIN = "second upgrade fails"
    OTHER_THAN_BEFORE = "second upgrade differs"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a way said when it failed, what shows why, and the line of the revision."""

    way: str
    said: str
    evidence: tuple[str, ...] = ()
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A table that no rows could be put into, and why."""

    table: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A second trip with rows in the tables that the revision changes.

    `lost` is what upgrade and downgrade together do not keep. Where the way up fails, that
    says little of real rows; `failure` of the way down does.
    """

    tables: tuple[str, ...]
    lost: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """One revision: what differs after its downgrade, and what after its second upgrade.

    `undone` compares the schema after the downgrade with the one before the upgrade, `again`
    the one after the second upgrade with the one after the first. Of a revision that could
    not be tried both are empty.
    """

    revision: str
    message: str
    file: str
    version_table: str
    outcome: Outcome = Outcome.REVERSIBLE
    undone: tuple[Change, ...] = ()
    again: tuple[Change, ...] = ()
    failure: Failure | None = None
    rows: Rows | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def location(self) -> Location:
        """Where the revision is, and where in it something failed."""
        return Location(self.file, self.failure.line if self.failure else None, self.revision)

    @property
    def leaked(self) -> tuple[Change, ...]:
        """Types, sequences and the like that the downgrade leaves behind."""
        return tuple(each for each in self.undone if is_leak(each))

    @property
    def is_proven(self) -> bool:
        """Whether the way back leads back, with rows too where some were put in."""
        kept = self.rows is None or self.rows.failure is None or self.rows.failure.way == "upgrade"
        return self.outcome is Outcome.REVERSIBLE and kept


def is_leak(change: Change) -> bool:
    """Whether a change is something left behind that no table is part of."""
    return change.how is How.ADDED and change.kind in _TYPES


_WORDS = {How.ADDED: "is left", How.GONE: "is missing", How.CHANGED: "is another"}


def summary(changes: Sequence[Change]) -> str:
    """The first few changes in a few words."""
    return listed([f"{each.kind} {each.name} {_WORDS[each.how]}" for each in changes])


def described(changes: Sequence[Change]) -> Iterator[str]:
    """Each change in a line; what was is on the left."""
    for each in changes[:_SHOWN]:
        text = f"{each.kind} {each.name} {_WORDS[each.how]}"
        if each.how is How.CHANGED:
            yield f"{text}: {each.before} before, now {each.after}"
        else:
            yield f"{text}: {each.before or each.after}".removesuffix(": ")
    if len(changes) > _SHOWN:
        yield f"and {len(changes) - _SHOWN} more"
