"""A process that works on one target after the other; Alembic and the models load once."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from dbtool.errors import BUG_EXIT, DbtoolError, Interrupted
from dbtool.guard import Consent, Permission
from dbtool.migrate import downgrade as undoing
from dbtool.migrate import upgrade as family
from dbtool.migrate.downgrade import Downgraded
from dbtool.migrate.fleet.outcome import Failure, Outcome, Verb, failure
from dbtool.migrate.fleet.targets import Item
from dbtool.migrate.fleet.way import project_for
from dbtool.migrate.project import Project
from dbtool.migrate.upgrade import Plan, Upgraded
from dbtool.ports import Value

INTERRUPTS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
"""What ends a run from outside; a worker answers them once it is ready to."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done to every target."""

    project: Project
    revision: str
    tag: str | None
    search_path: str | None
    plan_only: bool
    verb: Verb = "upgrade"


class Relayed:
    """A Progress whose notes travel to the process that leads the fleet."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def step(self, text: str) -> None:
        """The fleet tells of targets, not of the revisions of one."""

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:
        """The fleet counts targets, not the steps of one."""

    def note(self, text: str) -> None:
        """Tell what is worth knowing."""
        self._tell(text)

    def log(self, event: str, fields: Mapping[str, Value]) -> bool:  # noqa: ARG002
        """The fleet's own lines tell of targets; what is worth knowing comes as a note."""
        return False


def serve(pipe: Connection, job: Job) -> None:
    """Work until the leader closes the pipe; a leader that died closes it too.

    The terminal's Ctrl-C goes to the leader alone, which passes it on once; it waits until
    somebody is there to hear it. What a team's code prints goes to stderr: stdout is the
    report's. A target that was begun is ended, also where the leader died.
    """
    os.setsid()
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def tell(said: str | Outcome) -> None:
        with suppress(OSError):
            pipe.send(said)

    with suppress(EOFError, KeyboardInterrupt):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        while (item := pipe.recv()) is not None:
            tell(_one(item, job, tell))


def _one(item: Item, job: Job, tell: Callable[[str], None]) -> Outcome:
    begun = time.monotonic()
    try:
        done = _run(item, job, tell)
    except KeyboardInterrupt:
        return _failed(item, begun, failure(Interrupted("interrupted")))
    except DbtoolError as error:
        return _failed(item, begun, failure(error))
    except Exception as error:
        told = Failure(f"{type(error).__name__}: {error}", "", "", BUG_EXIT)
        return _failed(item, begun, told)
    revisions = tuple(each.revision for each in done.revisions)
    after = done.before if isinstance(done, Plan) else done.after
    took = time.monotonic() - begun
    name, lost = item.target.shown, _lost(done)
    return Outcome(name, item.schema, done.before, after, revisions, took, lost)


def _run(item: Item, job: Job, tell: Callable[[str], None]) -> Plan | Upgraded | Downgraded:
    project, progress = project_for(job.project, item, job.search_path), Relayed(tell)
    if job.plan_only:
        plan = family.plan if job.verb == "upgrade" else undoing.plan
        return plan(project, job.revision, progress=progress, tag=job.tag)
    run = family.upgrade if job.verb == "upgrade" else undoing.downgrade
    allowed = Permission(Consent(yes=True, confirm_database=item.target.database))
    return run(project, job.revision, permission=allowed, progress=progress, tag=job.tag)


def _lost(done: Plan | Upgraded | Downgraded) -> tuple[str, ...]:
    """What a downgrade takes away."""
    undone = () if isinstance(done, Upgraded) else done.losses
    return tuple(f"{each.revision} {line}" for each in undone for line in each.lines)


def _failed(item: Item, begun: float, error: Failure) -> Outcome:
    took = time.monotonic() - begun
    return Outcome(item.target.shown, item.schema, seconds=took, error=error)
