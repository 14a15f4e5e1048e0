"""Notice a server that answers no more, and end what would wait for it without end.

A network that drops what it should carry says nothing to either side: a driver that waits for the
end of a statement waits for hours. Our own connection asks several times a second, so it knows.
"""

import os
import socket
from contextlib import suppress

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate.glance import Glance
from dbtool.migrate.statements import driver_of

SILENCE = 60.0
"""Seconds without an answer; the server gives up a client that is gone after as many."""

_FAREWELL = 5.0
"""Seconds that the end of a session on the server may take to be known here."""


class Reach:
    """Whether the server, and env.py's session on it, can still be reached."""

    def __init__(self) -> None:
        self.driver: DBAPIConnection | None = None
        self.is_lost = False
        self._pid = 0
        self._missing_since: float | None = None

    def works_on(self, driver: DBAPIConnection, pid: int) -> None:
        """Alembic works on this connection from now on."""
        self.driver, self._pid, self._missing_since = driver, pid, None

    @property
    def left(self) -> int | None:
        """The server's process for it, once env.py has closed it; that may still be ending."""
        driver = None if self.driver is None else driver_of(self.driver)
        closed = getattr(driver, "is_closed", lambda: getattr(driver, "closed", False))()
        return self._pid if closed else None

    def lost(self) -> None:
        """Nobody answers us any more."""
        self.is_lost = True
        self._cut()

    def see(self, seen: Glance) -> None:
        """A session that has ended on the server sends nothing; its farewell may have got lost."""
        if self.driver is None or any(each.pid == self._pid for each in seen.sessions):
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = seen.at
        elif seen.at - self._missing_since >= _FAREWELL:
            self._cut()

    def _cut(self) -> None:
        """Have the driver find its connection closed, whatever it is waiting for."""
        if self.driver is None:
            return
        driver, self.driver = driver_of(self.driver), None
        loop = getattr(driver, "_loop", None)
        with suppress(Exception):
            if loop is not None:
                loop.call_soon_threadsafe(driver.terminate)
                return
            with socket.socket(fileno=os.dup(driver.fileno())) as ours:
                ours.shutdown(socket.SHUT_RDWR)
