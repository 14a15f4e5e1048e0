"""End the development server, or say why it cannot be ended from here."""

import math
import os
import signal
import time

from dbtool.errors import OperationError
from dbtool.ports import Progress
from dbtool.scratch import cluster
from dbtool.scratch.workspace import Workspace

_STOP_LIMIT = 30.0
_STOP_PATIENCE = 2.0


def shut_down(work: Workspace, progress: Progress) -> None:
    """Ask for a fast shutdown, until no process of the server is left."""
    began = time.monotonic()
    logged = work.log.stat().st_size if work.log.exists() else 0
    ask_at, tell_at = 0.0, began + _STOP_PATIENCE
    while work.alive():
        now = time.monotonic()
        note = work.running()
        if note is not None and now > ask_at and cluster.serves(note.pid, work.data):
            os.kill(note.pid, signal.SIGINT)
            ask_at = now + 1
        if now > tell_at:
            tell_at = math.inf
            progress.note(f"the server has not ended yet; waiting for up to {_STOP_LIMIT:g} s")
        if now > began + _STOP_LIMIT:
            raise _unstoppable(work, note, logged)
        time.sleep(0.01)


def _unstoppable(work: Workspace, note: cluster.Pidfile | None, logged: int) -> OperationError:
    if note is not None and not cluster.serves(note.pid, work.data):
        return _out_of_sight(work)
    pid = note.pid if note else None
    process = f"Process {pid}" if pid else "One of its processes"
    said = cluster.complaints_since(work.log, logged)
    hint = f"Its whole log is {work.log}."
    if pid:
        hint = f"kill -QUIT {pid} ends it at once, and kill -KILL {pid} where even that does not;"
        hint += f" it recovers at its next start. {work.log} is its log."
    asked = f"{process} has been asked to end for {_STOP_LIMIT:g} s and is still there."
    return OperationError(
        "the local server does not stop",
        detail=f"{asked}\n{said}".strip(),
        hint=hint,
    )


def _out_of_sight(work: Workspace) -> OperationError:
    """Its lock is held, and the number it noted is another's here: nobody to send a signal to."""
    return OperationError(
        "the local server is alive and cannot be seen from here",
        detail=f"A process of it holds {work.directory / 'server.lock'}; nothing was signalled.",
        hint="Was it started in a container? Run dbtool local stop there.",
    )
