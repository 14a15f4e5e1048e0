"""Durations, counted in buckets for ever and kept one by one for the last minute."""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field

BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Upper ends of the buckets in seconds, as OpenTelemetry advises for connection pools."""

RECENT_SECONDS = 60.0
_MOST_RECENT = 2048


@dataclass(slots=True)
class Histogram:
    """How long something took, since the process began."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0
    longest: float = 0.0

    def record(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        if seconds > self.longest:
            self.longest = seconds

    def snapshot(self) -> dict[str, object]:
        """The buckets as JSON values."""
        return {
            "bounds": list(BOUNDS),
            "counts": list(self.counts),
            "count": sum(self.counts),
            "sum": self.total,
            "longest": self.longest,
        }


@dataclass(slots=True)
class Recent:
    """The waits of the last minute, at most a couple of thousand."""

    waits: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_MOST_RECENT))
    timeouts: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_RECENT))

    def snapshot(self, now: float) -> dict[str, object]:
        """What the waits of the last minute were like."""
        since = now - RECENT_SECONDS
        waits = sorted(wait for at, wait in tuple(self.waits) if at >= since)
        return {
            "seconds": RECENT_SECONDS,
            "waits": len(waits),
            "wait_p50": _quantile(waits, 0.5),
            "wait_p95": _quantile(waits, 0.95),
            "wait_longest": waits[-1] if waits else 0.0,
            "timeouts": sum(1 for at in tuple(self.timeouts) if at >= since),
        }


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
