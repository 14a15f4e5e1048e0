"""A lock that a statement waited for, and the sessions that held it."""

from collections.abc import Iterator
from dataclasses import dataclass

from dbtool.report import duration


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session whose lock was waited for; `open` is the age of its transaction in seconds.

    A prepared transaction has no session: its `pid` is 0. `ahead` tells that it waits itself, for
    what it asked for before, and holds nothing that is in the way; `roots` are sessions that it
    waits for and that wait for nobody. What another role's session does may be hidden.
    """

    pid: int
    state: str
    application: str
    open: float | None
    ahead: bool = False
    roots: "tuple[Blocker, ...]" = ()

    def __str__(self) -> str:
        since = "" if self.open is None else f"its transaction open for {duration(self.open)}"
        known = ", ".join(filter(None, [self.application, self.state, since]))
        return f"session {self.pid} ({known})" if self.pid else "a prepared transaction"


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a statement waited for locks at least, who held them, and when that was asked."""

    milliseconds: float
    blockers: tuple[Blocker, ...]
    asked: float

    @property
    def told(self) -> str:
        """Who held the lock, and what they were doing."""
        ahead = ", ".join(str(each) for each in self.blockers if each.ahead)
        held = ", ".join(str(each) for each in self.blockers if not each.ahead)
        if held:
            told = f"it was held by {held}" + (f"; {ahead} asked for it before" if ahead else "")
        else:
            told = f"it was queued behind {ahead}, which waited too"
        return "; ".join([told, *self._roots()])

    def _roots(self) -> Iterator[str]:
        """Who stands behind whoever is in the way."""
        for each in self.blockers:
            if each.roots:
                yield f"session {each.pid} waited for {', '.join(map(str, each.roots))}"
