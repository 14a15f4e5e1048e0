"""One run at a time writes behind a head, and only behind the one that it compared with."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock

from dbtool.errors import OperationError
from dbtool.migrate.lookup import resolve
from dbtool.migrate.project import Project
from dbtool.migrate.script import read_history


def heads_of(project: Project) -> frozenset[str]:
    """The heads that the files say there are."""
    script = read_history(project)
    return frozenset(resolve(script, script.get_heads))


@contextmanager
def alone(project: Project, heads: frozenset[str]) -> Iterator[None]:
    """Let others wait, and refuse where one of them has written since the comparison."""
    descriptor = os.open(read_history(project).dir, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems have no locks
            flock(descriptor, LOCK_EX)
        now = heads_of(project)
        if now != heads:
            new = ", ".join(sorted(now - heads)) or "none"
            raise OperationError(
                "the history has changed since the models were compared with it",
                detail=f"New heads: {new}. Nothing was written.",
                hint="Run the command again: what is there already needs no second revision.",
            )
        yield
    finally:
        os.close(descriptor)
