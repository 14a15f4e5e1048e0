"""A process that works on one target after the other; Alembic and the models load once."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from dbtool.errors import BUG_EXIT, DbtoolError, Interrupted
from dbtool.guard import Consent, Permission
from dbtool.migrate import downgrade as undoing
from dbtool.migrate import upgrade as family
from dbtool.migrate.broken import Broken
from dbtool.migrate.downgrade import Downgraded
from dbtool.migrate.fleet.outcome import Failure, Outcome, Seen, Verb, failure
from dbtool.migrate.fleet.targets import Item
from dbtool.migrate.fleet.way import project_for
from dbtool.migrate.foresight import losing
from dbtool.migrate.objections import elsewhere
from dbtool.migrate.project import Project
from dbtool.migrate.record import asked
from dbtool.migrate.status import status
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
        outcome = _seen(item, job, tell) if job.verb == "status" else _done(item, job, tell)
    except KeyboardInterrupt:
        outcome = _failed(item, Interrupted("interrupted"))
    except DbtoolError as error:
        outcome = _failed(item, error)
    except Exception as error:
        told = Failure(f"{type(error).__name__}: {error}", "", "", BUG_EXIT)
        outcome = Outcome(item.target.shown, item.schema, None, None, error=told)
    return replace(outcome, seconds=time.monotonic() - begun)


def _done(item: Item, job: Job, tell: Callable[[str], None]) -> Outcome:
    done = _run(item, job, tell)
    undone = () if isinstance(done, Upgraded) else done.losses
    return Outcome(
        item.target.shown,
        item.schema,
        done.before,
        done.before if isinstance(done, Plan) else done.after,
        tuple(each.revision for each in done.revisions),
        losses=tuple(f"{each.revision} {line}" for each in undone for line in each.lines),
        asked=asked(done.revisions),
        losing=losing(undone),
    )


def _seen(item: Item, job: Job, tell: Callable[[str], None]) -> Seen:
    """Where a target stands, which has to be where its schema is."""
    found = status(project_for(job.project, item, job.search_path), Relayed(tell))
    for standing in found.standings:
        if item.schema and not standing.version_table.startswith(f"{item.schema}."):
            raise elsewhere(standing.version_table, item.schema)
    pending = tuple(each.revision for each in found.pending)
    at = found.recorded
    return Seen(item.target.shown, item.schema, at, at, pending, status=found)


def _run(item: Item, job: Job, tell: Callable[[str], None]) -> Plan | Upgraded | Downgraded:
    project, progress = project_for(job.project, item, job.search_path), Relayed(tell)
    if job.plan_only:
        plan = family.plan if job.verb == "upgrade" else undoing.plan
        return plan(project, job.revision, progress=progress, tag=job.tag)
    run = family.upgrade if job.verb == "upgrade" else undoing.downgrade
    allowed = Permission(Consent(yes=True, confirm_database=item.target.database))
    return run(project, job.revision, permission=allowed, progress=progress, tag=job.tag)


def _failed(item: Item, error: DbtoolError) -> Outcome:
    """What is committed all the same; where it stands may not be known."""
    name, schema, told = item.target.shown, item.schema, failure(error)
    if not isinstance(error.done, Broken):
        return Outcome(name, schema, None, None, error=told)
    revisions = tuple(each.revision for each in error.done.revisions)
    return Outcome(name, schema, error.done.before, error.done.after, revisions, error=told)
