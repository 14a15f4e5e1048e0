"""A lock that a statement waited for, and the sessions that held it."""

from dataclasses import dataclass

from dbtool.report import duration


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session whose lock was waited for; `open` is the age of its transaction in seconds."""

    pid: int
    state: str
    application: str
    open: float


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a statement waited for locks at least, and who held them."""

    milliseconds: float
    blockers: tuple[Blocker, ...]

    @property
    def told(self) -> str:
        """Who held the lock, and what they were doing."""
        named = (
            f"{each.pid} ({', '.join(filter(None, [each.application, each.state]))}, its"
            f" transaction open for {duration(each.open)})"
            for each in self.blockers
        )
        return f"it was held by session {', '.join(named)}"
