"""Counts and times what happens at the pool of one engine."""

import atexit
import json
import logging
import os
import socket as sockets
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import Pool, PoolProxiedConnection

from dbtool.probe.exposition import TYPE, prometheus
from dbtool.probe.histogram import Histogram, Recent
from dbtool.probe.naming import named
from dbtool.probe.places import Place, Places
from dbtool.probe.serving import Listener

SNAPSHOT = 1
"""Number of the snapshot's form; raised when a field changes meaning or goes away."""

_MOST_PLACES = 256
_MOST_AGES = 50
_CONNECTING = "dbtool.probe"


@dataclass(slots=True)
class _Returned:
    """How connections came back that were taken at one place."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0


def installed(engine: Engine) -> "Probe | None":
    """The probe that measures this engine's pool."""
    probe = getattr(vars(engine.pool).get("connect"), "__self__", None)
    return probe if isinstance(probe, Probe) else None


class Probe:
    """Measures the pool of one engine; `dbtool.probe.install` makes it."""

    def __init__(
        self, engine: Engine, *, service: str | None, threshold: float, socket: bool | Path
    ) -> None:
        self._engine = engine
        self._wanted = socket
        self._listener: Listener | None = None
        self._places = Places()
        self._numbers = count()
        self._first = engine.pool
        self.service = service or Path(sys.argv[0] or "python").stem
        self.threshold = threshold
        self._begin()
        self._listen(event.listen)
        self._wrap(engine)
        _follow_forks(weakref.ref(self))
        atexit.register(self._close)
        self._open()

    def snapshot(self) -> dict[str, Any]:
        """What the pool is like now, as JSON values."""
        now = monotonic()
        waiting = tuple(self._waiting.values())
        held = [(now - since, place) for since, place in tuple(self._held.values())]
        return {
            "snapshot": SNAPSHOT,
            "pid": os.getpid(),
            "host": sockets.gethostname(),
            "service": self.service,
            "threshold": self.threshold,
            "pool": _arguments(self._engine),
            "used": len(held),
            "idle": _number(self._engine.pool, "checkedin") or 0,
            "pending": len(waiting),
            "oldest_pending": now - min(waiting, default=now),
            "timeouts": self._timeouts,
            "failures": self._failures,
            "recent": self._recent.snapshot(now),
            "wait": self._wait.snapshot(),
            "use": self._use.snapshot(),
            "create": self._create.snapshot(),
            "places": list(self._by_place(held)),
        }

    def prometheus(self) -> str:
        """The measurements as text for Prometheus, to serve on a route of your own."""
        return prometheus(self.snapshot())

    @property
    def path(self) -> Path | None:
        """The socket on which this process answers."""
        return self._listener.path if self._listener else None

    def uninstall(self) -> None:
        """Measure no longer, and close the socket."""
        self._listen(event.remove)
        for pool in {self._first, self._engine.pool}:
            vars(pool).pop("connect", None)
        atexit.unregister(self._close)
        self._close()

    def _begin(self) -> None:
        # A connection that the garbage collector gives back may do so in the middle of a record.
        self._lock = threading.RLock()
        self._waiting: dict[int, float] = {}
        self._held: dict[object, tuple[float, Place]] = {}
        self._returned: dict[Place, _Returned] = {}
        self._wait, self._use, self._create = Histogram(), Histogram(), Histogram()
        self._recent = Recent()
        self._timeouts = self._failures = 0

    def _listen(self, act: Callable[[Any, str, Any], None]) -> None:
        act(self._first, "checkout", self._checked_out)
        act(self._first, "checkin", self._checked_in)
        act(self._first, "detach", self._checked_in)
        act(self._first, "connect", self._connected)
        act(self._engine, "do_connect", self._connecting)
        act(self._engine, "engine_disposed", self._wrap)

    def _wrap(self, engine: Engine) -> None:
        """No event tells that a caller begins to wait; a disposed engine has another pool."""
        plain = type(engine.pool).connect
        pool = engine.pool
        self._plain: Callable[[], PoolProxiedConnection] = lambda: plain(pool)
        vars(pool)["connect"] = self._connect

    def _connect(self) -> PoolProxiedConnection:
        number, began = next(self._numbers), monotonic()
        self._waiting[number] = began
        try:
            connection = self._plain()
        except PoolTimeout:
            with self._lock:
                self._timeouts += 1
                self._recent.timeouts.append(monotonic())
                self._waited(began)
            raise
        except BaseException:
            with self._lock:
                self._failures += 1
            raise
        finally:
            self._waiting.pop(number, None)
        with self._lock:
            self._waited(began)
        return connection

    def _waited(self, began: float) -> None:
        now = monotonic()
        self._wait.record(now - began)
        self._recent.waits.append((now, now - began))

    def _checked_out(self, _connection: object, record: object, _fairy: object) -> None:
        self._held[record] = (monotonic(), self._places.here())
        if self._listener is None and self._wanted is not False:
            self._open()

    def _checked_in(self, _connection: object, record: object) -> None:
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
            returned.longest = max(returned.longest, seconds)

    def _connecting(self, dialect: Any, record: Any, _args: object, parameters: Any) -> None:
        if record is not None:
            record.record_info[_CONNECTING] = monotonic()
        named(dialect.driver, parameters, self.service)

    def _connected(self, _connection: object, record: Any) -> None:
        began = record.record_info.pop(_CONNECTING, None)
        if began is not None:
            with self._lock:
                self._create.record(monotonic() - began)

    def _by_place(self, held: list[tuple[float, Place]]) -> Iterator[dict[str, Any]]:
        """Places that hold connections, the most first, then those that held one long."""
        ages: dict[Place, list[float]] = {}
        for age, place in held:
            ages.setdefault(place, []).append(age)
        for place, returned in tuple(self._returned.items()):
            if returned.longest >= self.threshold:
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

    def _open(self) -> None:
        """A probe that cannot serve still measures; it never ends the application."""
        if self._wanted is False:
            return
        directory = self._wanted if isinstance(self._wanted, Path) else None
        with self._lock:
            if self._listener is not None:
                return
            try:
                self._listener = Listener(self._answer, directory)
            except OSError as error:
                self._wanted = False
                logging.getLogger(__name__).warning("dbtool pool attach cannot work: %s", error)

    def _answer(self, path: str) -> tuple[str, str] | None:
        if path == "/snapshot":
            return "application/json", json.dumps(self.snapshot())
        return (TYPE, self.prometheus()) if path == "/metrics" else None

    def _close(self) -> None:
        with suppress(OSError):
            if self._listener:
                self._listener.close()
        self._listener = None

    def _forked(self) -> None:
        """The child has none of the parent's threads, callers and counts."""
        self._begin()
        self._close()


def _follow_forks(ours: "weakref.ref[Probe]") -> None:
    def forked() -> None:
        if probe := ours():
            probe._forked()

    os.register_at_fork(after_in_child=forked)


def _arguments(engine: Engine) -> dict[str, Any]:
    pool, url = engine.pool, engine.url
    size = _number(pool, "size")
    overflow = getattr(pool, "_max_overflow", None)
    bounded = size and overflow is not None and overflow >= 0
    return {
        "name": f"{url.host or 'local'}:{url.port or 5432}/{url.database or ''}",
        "class": type(pool).__name__,
        "size": size or None,
        "overflow": overflow if bounded else None,
        "capacity": size + overflow if size and bounded else None,
        "timeout": _number(pool, "timeout"),
    }


def _number(pool: Pool, method: str) -> Any:
    ask = getattr(pool, method, None)
    return ask() if callable(ask) else None
