"""What came of one revision on its way up, down and up again."""

from dataclasses import dataclass, field
from enum import StrEnum

from dbtool.migrate.diff.catalogs import Change, How

_TYPES = frozenset({"enum", "enum label", "sequence", "domain", "function", "extension", "schema"})


class Outcome(StrEnum):
    """How a round trip ended, the good first.

    `irreversible` is the author's word: downgrade() raises, or there is none. `empty` is a
    downgrade() that says it undoes and does nothing. `leaks` leaves something behind that
    nothing needs; `differs` does not lead back to where it was.
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


@dataclass(frozen=True, slots=True)
class Failure:
    """What a way said when it failed, and the lines that show where."""

    way: str
    said: str
    evidence: tuple[str, ...] = ()


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
