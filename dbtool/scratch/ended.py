"""Tells that a throwaway server ended while it was used, from what failed in it."""

import re
import time
from pathlib import Path

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, Interrupted, OperationError, ProjectError, UsageError
from dbtool.scratch.cluster import read_pidfile, serves

_LIMIT = 5.0
_ENDS_WITHIN = 15.0
"""The postmaster gives processes that it ends 5 s before it kills them."""

_LAST_WORDS = re.compile(
    r"LOG: +([^()\n]+ \(PID \d+\) was terminated by .+|received \w+ shutdown request)"
    r"|(PANIC: .+)"
)


class Ended(OperationError):
    """A throwaway server ended while it was used: no fault of what ran in it."""


def is_of_its_own(error: Exception) -> bool:
    """What the user has to mend, or wanted, whatever becomes of the server."""
    usage = isinstance(error, UsageError) and not isinstance(error, ProjectError)
    return usage or isinstance(error, Interrupted | Ended)


def has_ended(target: Target, data: Path) -> bool:
    """Whether the server is gone; one that takes no connection may be full, or about to end."""
    try:
        SyncConnection(target, timeout=_LIMIT).close()
    except Exception:
        until = time.monotonic() + _ENDS_WITHIN
        while not (gone := _is_gone(data)) and time.monotonic() < until:
            time.sleep(0.02)
        return gone
    return False


def _is_gone(data: Path) -> bool:
    note = read_pidfile(data)
    return note is None or not serves(note.pid, data)


def told(major: int, log: Path, error: Exception) -> Ended:
    """The error to show instead of what failed because of it."""
    met = f"What failed then: {error.message}." if isinstance(error, DbtoolError) else ""
    return Ended(
        f"the throwaway PostgreSQL {major} ended while it was used",
        detail="\n".join(filter(None, (_last_words(log), met))),
        hint="Was it killed, or short of memory or disk? dmesg names what the kernel killed. Run it"
        " again: the server was dbtool's own, and what ran in it touched no database of yours.",
    )


def _last_words(log: Path) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    said = [one or other for one, other in _LAST_WORDS.findall(text)]
    return f"Its log says: {said[0]}." if said else ""
