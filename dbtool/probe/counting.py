"""What has been counted and timed at one pool, and who holds its connections now."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any

from dbtool.probe.histogram import Histogram, Recent
from dbtool.probe.places import Place

_MOST_PLACES = 256
_MOST_AGES = 50


@dataclass(slots=True)
class _Returned:
    """How connections came back that were taken at one place."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0


class Counts:
    """Counts for one process; a forked child begins with new ones."""

    def __init__(self) -> None:
        # A connection that the garbage collector gives back may do so in the middle of a record.
        self._lock = threading.RLock()
        self._numbers = count()
        self._waiting: dict[int, float] = {}
        self._held: dict[object, tuple[float, Place]] = {}
        self._returned: dict[Place, _Returned] = {}
        self._wait, self._use, self._create = Histogram(), Histogram(), Histogram()
        self._recent = Recent()
        self._timeouts = self._failures = 0

    def begins_to_wait(self) -> int:
        """A caller asks for a connection; the number it waits under."""
        number = next(self._numbers)
        self._waiting[number] = monotonic()
        return number

    def got(self, number: int, record: object, place: Place) -> None:
        """It has one, and uses it from now on; one without a record has left the pool already."""
        now = self._waited(number)
        if record is not None:
            self._held[record] = (now, place)

    def gave_up(self, number: int) -> None:
        """It has waited for the whole pool timeout."""
        with self._lock:
            self._timeouts += 1
            self._recent.timeouts.append(monotonic())
            self._waited(number)

    def failed(self, number: int) -> None:
        """It was cancelled, or no connection could be opened."""
        with self._lock:
            self._failures += 1
            self._waiting.pop(number, None)

    def returned(self, record: object) -> None:
        """It is used no longer; those taken before the first count are not known."""
        held = self._held.pop(record, None)
        if held is None:
            return
        since, place = held
        seconds = monotonic() - since
        with self._lock:
            self._use.record(seconds)
            returned = self._returned.get(place)
            if returned is None:
                if len(self._returned) >= _MOST_PLACES:
                    return
                returned = self._returned[place] = _Returned()
            returned.count += 1
            returned.total += seconds
            if seconds > returned.longest:
                returned.longest = seconds

    def created(self, seconds: float) -> None:
        """A connection was opened."""
        with self._lock:
            self._create.record(seconds)

    def snapshot(self, threshold: float) -> dict[str, Any]:
        """Everything as JSON values."""
        now = monotonic()
        waiting = tuple(self._waiting.values())
        held = [(now - since, place) for since, place in tuple(self._held.values())]
        return {
            "used": len(held),
            "pending": len(waiting),
            "oldest_pending": now - min(waiting, default=now),
            "timeouts": self._timeouts,
            "failures": self._failures,
            "recent": self._recent.snapshot(now),
            "wait": self._wait.snapshot(),
            "use": self._use.snapshot(),
            "create": self._create.snapshot(),
            "places": list(self._by_place(held, threshold)),
        }

    def _waited(self, number: int) -> float:
        now = monotonic()
        waited = now - self._waiting.pop(number, now)
        with self._lock:
            self._wait.record(waited)
            self._recent.waits.append((now, waited))
        return now

    def _by_place(
        self, held: list[tuple[float, Place]], threshold: float
    ) -> Iterator[dict[str, Any]]:
        """Places that hold connections, the most first, then those that held one long."""
        ages: dict[Place, list[float]] = {}
        for age, place in held:
            ages.setdefault(place, []).append(age)
        for place, returned in tuple(self._returned.items()):
            if returned.longest >= threshold:
                ages.setdefault(place, [])
        for place in sorted(ages, key=lambda each: -len(ages[each])):
            gone = self._returned.get(place) or _Returned()
            yield {
                "frames": [
                    {"file": file, "line": line, "function": function}
                    for file, line, function in place
                ],
                "held": len(ages[place]),
                "ages": sorted(ages[place], reverse=True)[:_MOST_AGES],
                "returned": gone.count,
                "returned_seconds": gone.total,
                "returned_longest": gone.longest,
            }
