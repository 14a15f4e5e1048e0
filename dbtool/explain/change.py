"""One statement's plan then and now, as the rules of `--check` judge it."""

from dataclasses import dataclass, field

from dbtool.explain.baseline import Kept, KeptNode
from dbtool.explain.matching import Pair
from dbtool.finding import Finding, Unknown


@dataclass(frozen=True, slots=True)
class Change:
    """One statement then and now; `failure` is what the server says where it no longer runs.

    `edited` tells that the statement itself is another one.
    """

    file: str
    line: int
    before: Kept
    now: Kept
    edited: bool = False
    failure: str = ""
    pairs: tuple[Pair, ...] = field(default=(), repr=False, metadata={"json": False})
    findings: tuple[Finding, ...] = field(default=(), metadata={"json": False})
    unknowns: tuple[Unknown, ...] = field(default=(), metadata={"json": False})

    @property
    def measured(self) -> bool:
        """Whether both sides were run."""
        return self.before.measured and self.now.measured

    @property
    def reshaped(self) -> bool:
        """Whether it is another plan."""
        return self.before.shape != self.now.shape

    @property
    def both(self) -> tuple[tuple[KeptNode, KeptNode], ...]:
        """The nodes that both plans have."""
        return tuple((old, new) for old, new in self.pairs if old is not None and new is not None)


def factor(before: float, now: float) -> float:
    """How many times more; a little where there was nothing is not infinitely more."""
    return max(now, 1.0) / max(before, 1.0)
