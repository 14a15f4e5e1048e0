"""A lock that a statement waited for, and the sessions that held it."""

from dataclasses import dataclass

from dbtool.report import duration


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session whose lock was waited for; `open` is the age of its transaction in seconds.

    A prepared transaction has no session: its `pid` is 0. `ahead` tells that it waits itself, for
    what it asked for before. What another role's session does may be hidden.
    """

    pid: int
    state: str
    application: str
    open: float | None
    ahead: bool = False

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
        if not held:
            return f"it was queued behind {ahead}, which waited too"
        return f"it was held by {held}" + (f"; {ahead} asked for it before" if ahead else "")
