"""Counts and times what happens at the pool of one engine."""

import atexit
import json
import logging
import os
import socket as sockets
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import Pool, PoolProxiedConnection

from dbtool.probe.counting import Counts
from dbtool.probe.exposition import TYPE, prometheus
from dbtool.probe.naming import named
from dbtool.probe.places import Places
from dbtool.probe.serving import Listener

SNAPSHOT = 1
"""Number of the snapshot's form; raised when a field changes meaning or goes away."""

_CONNECTING = "dbtool.probe"


def installed(engine: Engine) -> "Probe | None":
    """The probe that measures this engine's pool."""
    connect = vars(engine.pool).get("connect")
    probe = getattr(getattr(connect, "func", None), "__self__", None)
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
        self._first = engine.pool
        self.service = service or Path(sys.argv[0] or "python").stem
        self.threshold = threshold
        self._counts, self._opening = Counts(), threading.Lock()
        self._listen(event.listen)
        self._wrap(engine.pool)
        _follow_forks(weakref.ref(self))
        atexit.register(self._close)
        self._open()

    def snapshot(self) -> dict[str, Any]:
        """What the pool is like now, as JSON values."""
        return {
            "snapshot": SNAPSHOT,
            "pid": os.getpid(),
            "host": sockets.gethostname(),
            "service": self.service,
            "threshold": self.threshold,
            "pool": _arguments(self._engine),
            "idle": _number(self._engine.pool, "checkedin") or 0,
            **self._counts.snapshot(self.threshold),
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
            vars(pool).pop("recreate", None)
        atexit.unregister(self._close)
        self._close()

    def _listen(self, act: Callable[[Any, str, Any], None]) -> None:
        act(self._first, "checkin", self._checked_in)
        act(self._first, "detach", self._checked_in)
        act(self._first, "connect", self._connected)
        act(self._engine, "do_connect", self._connecting)

    def _wrap(self, pool: Pool) -> None:
        """No event tells that a caller begins to wait.

        For a listener to what happens to an engine each of its connections tells all of it.
        """
        plain, recreate = type(pool).connect, type(pool).recreate
        vars(pool)["connect"] = partial(self._connect, plain, pool)
        vars(pool)["recreate"] = partial(self._recreate, partial(recreate, pool))

    def _recreate(self, plain: Callable[[], Pool]) -> Pool:
        """A disposed engine has another pool."""
        pool = plain()
        self._wrap(pool)
        return pool

    def _connect(
        self, plain: Callable[[Pool], PoolProxiedConnection], pool: Pool
    ) -> PoolProxiedConnection:
        counts = self._counts
        number = counts.begins_to_wait()
        try:
            connection = plain(pool)
        except PoolTimeout:
            counts.gave_up(number)
            raise
        except BaseException:
            counts.failed(number)
            raise
        if self._listener is None and self._wanted is not False:
            self._open()
        # Asked for here: a listener for "checkout" takes the pool off its shortest way.
        counts.got(number, getattr(connection, "_connection_record", None), self._places.here())
        return connection

    def _checked_in(self, _connection: object, record: object) -> None:
        self._counts.returned(record)

    def _connecting(self, dialect: Any, record: Any, _args: object, parameters: Any) -> None:
        if record is not None:
            record.record_info[_CONNECTING] = monotonic()
        named(dialect.driver, parameters, self.service)

    def _connected(self, _connection: object, record: Any) -> None:
        began = record.record_info.pop(_CONNECTING, None)
        if began is not None:
            self._counts.created(monotonic() - began)

    def _open(self) -> None:
        """A probe that cannot serve still measures; it never ends the application."""
        if self._wanted is False:
            return
        directory = self._wanted if isinstance(self._wanted, Path) else None
        with self._opening:
            if self._listener is not None:
                return
            try:
                self._listener = Listener(self._answer, directory)
            except (OSError, RuntimeError) as error:  # no thread can be started any more
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
        self._counts, self._opening = Counts(), threading.Lock()
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
