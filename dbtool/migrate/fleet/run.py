"""Lead the processes of a fleet: hand out targets, collect outcomes, stop when told to."""

import multiprocessing
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from dbtool.errors import Interrupted, OperationError
from dbtool.interrupts import uninterrupted
from dbtool.migrate.fleet.outcome import Fleet, Outcome, failure
from dbtool.migrate.fleet.targets import Item
from dbtool.migrate.fleet.worker import INTERRUPTS, Job, serve
from dbtool.ports import Progress
from dbtool.report import counted

Told = Callable[[Outcome], None]

_FAREWELL = 10.0


class Worker:
    """One process and the pipe to it; a process that dies fails its target and is replaced."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._interrupted = False
        self._starting = threading.Lock()

    def do(self, item: Item, tell: Callable[[str], None]) -> Outcome:
        """Have the job done to one target."""
        with self._starting:
            pipe = self._started()
            if self._interrupted:
                self._signal()
        try:
            pipe.send(item)
            while isinstance(said := pipe.recv(), str):
                tell(said)
        except (EOFError, OSError):
            return self._died(item)
        outcome: Outcome = said
        return outcome

    def interrupt(self) -> None:
        """Have it cancel what it runs on the server, or is about to run."""
        with self._starting:
            self._interrupted = True
            self._signal()

    def _signal(self) -> None:
        process = self._process
        if process is not None and process.pid is not None and process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)

    def close(self) -> None:
        """Let it end; one that does not end in time is ended."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        if process is None or pipe is None:
            return
        with suppress(OSError):
            pipe.send(None)
        pipe.close()
        process.join(_FAREWELL)
        if process.is_alive():
            process.kill()
            process.join()

    def _started(self) -> Connection:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=serve, args=(theirs, self._job))
            # The process inherits what this thread blocks, until it can answer an interrupt;
            # whoever starts the tracker, which every process needs, unblocks it again.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
            self._process.start()
            theirs.close()
        return self._pipe

    def _died(self, item: Item) -> Outcome:
        process = self._process
        assert process is not None
        process.join(_FAREWELL)
        code = process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        self.close()
        error = OperationError(
            f"the process that worked on it ended before its time ({how})",
            detail="What its transaction had done is rolled back by the server.",
            hint="Run the same command again: what is recorded is not run twice.",
        )
        return Outcome(item.target.shown, item.schema, None, None, error=failure(error))


class Lead:
    """Hands targets to workers until none is left, or one failed, or somebody interrupts."""

    def __init__(self, items: Sequence[Item], *, keep_going: bool) -> None:
        self.said: queue.SimpleQueue[Outcome | str | BaseException | None] = queue.SimpleQueue()
        self.not_started: tuple[Item, ...] = ()
        self._waiting = deque(items)
        self._keep_going = keep_going
        self._lock = threading.Lock()

    def work(self, worker: Worker) -> None:
        """One worker's share; None is said when it is over."""
        try:
            while (item := self._next()) is not None:
                outcome = worker.do(item, self._telling(item))
                if outcome.error is not None and not self._keep_going:
                    self.stop()
                self.said.put(outcome)
        except BaseException as error:
            self.said.put(error)
        finally:
            worker.close()
            self.said.put(None)

    def stop(self) -> None:
        """Hand out nothing more."""
        with self._lock:
            self.not_started += tuple(self._waiting)
            self._waiting.clear()

    def _next(self) -> Item | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def _telling(self, item: Item) -> Callable[[str], None]:
        return lambda text: self.said.put(f"{item.shown}: {text}")


def run(
    job: Job,
    items: Sequence[Item],
    *,
    parallel: int,
    keep_going: bool,
    progress: Progress,
    told: Told,
) -> Fleet:
    """Do the job to every target; raises Interrupted after what ran was cancelled."""
    lead = Lead(items, keep_going=keep_going)
    workers = [Worker(job) for _ in range(min(parallel, len(items)))]
    threads = [threading.Thread(target=lead.work, args=(each,), daemon=True) for each in workers]
    collected = Collected(lead, len(threads), len(items), progress, told)
    # An interrupt in the midst of the start would leave workers that nobody interrupts; what
    # is blocked here is heard all the same where the first of them unblocks it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        with uninterrupted():
            for thread in threads:
                thread.start()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        collected.until_all_ended()
    except KeyboardInterrupt:
        lead.stop()
        for worker in workers:
            worker.interrupt()
        collected.until_all_ended()
        raise _interrupted(collected.outcomes, len(lead.not_started)) from None
    waiting = tuple(each.shown for each in lead.not_started)
    return Fleet(tuple(collected.outcomes), waiting, job.plan_only, job.verb)


class Collected:
    """What the workers have said so far."""

    def __init__(
        self, lead: Lead, workers: int, items: int, progress: Progress, told: Told
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._lead = lead
        self._workers = workers
        self._items = items
        self._progress = progress
        self._told = told

    def until_all_ended(self) -> None:
        """Pass on what is said, until every worker has ended; a bug of ours is raised."""
        while self._workers:
            match self._lead.said.get():
                case None:
                    self._workers -= 1
                case str(text):
                    self._progress.note(text)
                case Outcome() as outcome:
                    self.outcomes.append(outcome)
                    self._told(outcome)
                    self._progress.advance(len(self.outcomes), self._items, "targets")
                case BaseException() as error:
                    self._lead.stop()
                    raise error


def _interrupted(outcomes: Sequence[Outcome], not_started: int) -> Interrupted:
    done = sum(each.error is None for each in outcomes)
    return Interrupted(
        "interrupted",
        detail=f"{counted(done, 'target')} ended well, {len(outcomes) - done} were cancelled or"
        f" had failed, {not_started} had not begun.",
        hint="Run the same command again: a target that is there is left alone.",
    )
