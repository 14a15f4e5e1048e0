"""How long a run waits for others and how, and how it goes on after one that ended early."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

DEFAULT_LOCK_TIMEOUT = 2.0
DEFAULT_WAIT_LOCK = 600.0
DEFAULT_MAX_BLOCKING = 30.0

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_FIRST_TRY, _LONGEST_TRY = 0.025, 1.0


class How(StrEnum):
    """What to do about a half-applied revision: decide by the catalogue, or as the user says."""

    AUTO = "auto"
    SKIP = "skip"
    RERUN = "rerun"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user allows, in seconds.

    `lock_timeout` is how long a transaction may wait for locks, and so how long others queue
    behind it: 2 s, what most tools of the field converge on (0.2 to 10 s). `wait_lock` is how
    long all attempts together may take before the run gives up. `max_blocking` is how long
    others may wait behind locks a transaction holds while it works, 0 for as long as it takes;
    30 s is what clients and load balancers commonly wait before they give up.
    """

    lock_timeout: float = DEFAULT_LOCK_TIMEOUT
    wait_lock: float = DEFAULT_WAIT_LOCK
    max_blocking: float = DEFAULT_MAX_BLOCKING


@dataclass(slots=True)
class Waited:
    """What a run waited for: seconds, attempts, and who stood in the way.

    `held_up_others` is the longest time for which anybody waited behind one of its transactions.
    """

    attempts: int = 1
    for_run: float = 0.0
    for_locks: float = 0.0
    held_up_others: float = 0.0
    blockers: list[str] = field(default_factory=list)


class Patience:
    """Pauses until the time is over, from the first time it is needed; each is longer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None
        self._pause = _FIRST_PAUSE
        self._try = _FIRST_TRY

    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self._left() <= 0

    def pause(
        self, tell: Callable[[float], None], sleep: Callable[[float], object] = time.sleep
    ) -> None:
        """Wait before the next attempt at a lock; `tell` hears for how long before it begins."""
        chosen = random.uniform(self._pause / 2, self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        seconds = self._bounded(chosen)
        tell(seconds)
        sleep(seconds)

    def poll(self) -> None:
        """Wait before asking again whether another run has ended."""
        chosen = random.uniform(self._try / 2, self._try)
        self._try = min(self._try * 1.5, _LONGEST_TRY)
        time.sleep(self._bounded(chosen))

    def _bounded(self, seconds: float) -> float:
        return max(min(seconds, self._left()), 0.0)

    def _left(self) -> float:
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        return self._until - now
