"""Load with several processes, each with its own connection: committed in parts, resumable."""

import multiprocessing
import pickle
import signal
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection as pipes
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler

from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, Interrupted, OperationError
from dbtool.interrupts import SIGNALS, uninterrupted
from dbtool.ports import Progress
from dbtool.report import counted
from dbtool.seed import turn
from dbtool.seed.journal import Journal, Portion
from dbtool.seed.load import Advance, Loaded, refuse_company, set_sequences
from dbtool.seed.plan import Load, Planned
from dbtool.seed.settled import settled
from dbtool.seed.stream import BLOCK
from dbtool.seed.trouble import DONE, NONE_COMMITTED
from dbtool.seed.worker import Said, serve

BLOCKS = 16
"""Blocks of a part: enough that a commit costs nothing, few enough to share them out."""

_WORTH = 2 * BLOCK
"""Rows for each of which one more process starts: its start costs 0.8 s of processor time."""

_SETTLES = 3.0
"""Seconds the server may take to end what the processes left to it."""

_LOST = (InterfaceError, InternalClientError, PostgresError, OSError, RuntimeError)
"""What a connection says that was ended under us."""


class Parts:
    """What is still to be loaded: a part is ready once all its parents are there."""

    def __init__(self, loads: Sequence[Load], done: Collection[Portion]) -> None:
        place = {each.table.name: number for number, each in enumerate(loads)}
        self._needs = {each.table.name: _parents(each, place) for each in loads}
        every = [portion for each in loads for portion in _portions(each)]
        self._waiting = deque(each for each in every if each not in done)
        self._open = dict.fromkeys(place, 0)
        for each in self._waiting:
            self._open[each.table] += 1

    @property
    def rows(self) -> int:
        """Rows that nobody has begun to load."""
        return sum(each.rows for each in self._waiting)

    def take(self) -> Portion | None:
        """The next part that may be loaded now."""
        for each in self._waiting:
            if not any(self._open[parent] for parent in self._needs[each.table]):
                self._waiting.remove(each)
                return each
        return None

    def finish(self, portion: Portion) -> None:
        """A part is committed."""
        self._open[portion.table] -= 1

    def __bool__(self) -> bool:
        return any(self._open.values())


def _parents(each: Load, place: dict[str, int]) -> set[str]:
    """Tables filled before whose rows this one's refer to; a later one is not referred to yet."""
    own = place[each.table.name]
    targets = {key.target for key in each.table.of_kind("foreign key") if key.target}
    return {name for name in targets if place.get(name, own) < own}


def _portions(each: Load) -> Iterator[Portion]:
    """The parts of a table; one whose rows refer to each other is a single part."""
    blocks, name = each.population.blocks, each.table.name
    own = any(key.target == name for key in each.table.of_kind("foreign key"))
    step = max(len(blocks), 1) if own else BLOCKS
    for first in range(blocks.start, blocks.stop, step):
        stop = min(first + step, blocks.stop)
        end = min(stop * BLOCK, each.population.start + each.population.count)
        yield Portion(name, first, stop, end - first * BLOCK)


class _Worker:
    def __init__(self, process: SpawnProcess, pipe: Pipe) -> None:
        self.process = process
        self.pipe = pipe
        self.portion: Portion | None = None


class Jobs:
    """Leads the processes; the session that holds the lock lets one run at a time."""

    def __init__(
        self, target: Target, planned: Planned, journal: Journal, progress: Progress
    ) -> None:
        self._target = target
        self._planned = planned
        self._journal = journal
        self._progress = progress
        self._seconds: dict[str, float] = {}

    def run(
        self, session: SyncConnection, count: int, done: Collection[Portion]
    ) -> tuple[Loaded, ...]:
        """Load what is not done yet; raises with the state it leaves behind named."""
        parts = Parts(self._planned.loads, done)
        rows = sum(each.population.count for each in self._planned.loads)
        advance = Advance(self._progress, rows, rows - parts.rows)
        count = min(count, max(1, -(-parts.rows // _WORTH)))
        try:
            self._progress.step(f"loading {parts.rows:,} rows with {counted(count, 'connection')}")
            with self._workers(count, parts) as workers:
                while parts:
                    self._hand_out(workers, parts)
                    self._listen(workers, parts, advance)
        except KeyboardInterrupt:
            raise Interrupted("interrupted", detail=self._state(session)) from None
        except DbtoolError as error:
            error.detail = f"{error.detail}\n{self._state(session)}".strip()
            raise
        self._release(session)
        self._journal.end()
        return tuple(
            Loaded(name.shown, each.population.count, self._seconds.get(name.name, 0.0))
            for each in self._planned.loads
            if (name := each.table)
        )

    async def hold(self, connection: Connection) -> None:
        """Hold the lock in a transaction that sees and writes nothing, so that vacuum goes on."""
        if not self._journal.noted:
            async with connection.transaction():
                await turn.take(connection)
                await refuse_company(connection, self._planned)
                # Numbers that the application draws meanwhile are behind the keys made here.
                await set_sequences(connection, self._planned.loads)
        await connection.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")
        await turn.take(connection)

    @contextmanager
    def _workers(self, count: int, parts: Parts) -> Iterator[list[_Worker]]:
        workers: list[_Worker] = []
        work = self._work()
        try:
            for _ in range(count if parts else 0):
                with uninterrupted():
                    workers.append(self._start())
            for each in workers:
                with suppress(OSError):  # one that has ended is heard of where it is listened to
                    each.pipe.send_bytes(work)
            yield workers
        except BaseException:
            _stop(workers)
            raise
        finally:
            for each in workers:
                with suppress(OSError):
                    each.pipe.send(None)
                each.pipe.close()
                each.process.join(10)
                if each.process.is_alive():
                    each.process.kill()
                    each.process.join()

    def _work(self) -> memoryview:
        """What every process is to do."""
        try:
            return ForkingPickler.dumps((self._target, self._planned.loads, "dbtool seed"))
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            raise OperationError(
                "the rows cannot be made in several processes",
                detail=f"{error}.",
                hint="Leave --jobs out.",
            ) from error

    def _start(self) -> _Worker:
        """Start one that reads what to do from its pipe.

        Until it is started the leader holds that end of the pipe too, and would wait for ever
        to hand much over to one that has died.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs,), daemon=True)
        # It inherits what is blocked here until it can be ended without a word.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return _Worker(process, ours)

    def _hand_out(self, workers: Sequence[_Worker], parts: Parts) -> None:
        for each in workers:
            if each.portion is None and (portion := parts.take()):
                each.portion = portion
                with suppress(OSError):
                    each.pipe.send(portion)

    def _listen(self, workers: Sequence[_Worker], parts: Parts, advance: Advance) -> None:
        for pipe in pipes.wait([each.pipe for each in workers], 1.0):
            worker = next(each for each in workers if each.pipe is pipe)
            try:
                said: Said = worker.pipe.recv()
            except (EOFError, OSError):
                raise OperationError("a process of the load ended before its time") from None
            self._hear(worker, said, parts, advance)

    def _hear(self, worker: _Worker, said: Said, parts: Parts, advance: Advance) -> None:
        what, value = said
        if isinstance(value, DbtoolError):
            raise value
        portion = worker.portion
        if what == "rows":
            advance(int(value))
        elif portion is not None and what == "commit":
            self._journal.note(portion, str(value))
            worker.pipe.send(True)
        elif portion is not None:
            self._seconds[portion.table] = self._seconds.get(portion.table, 0.0) + float(value)
            parts.finish(portion)
            worker.portion = None

    def _release(self, session: SyncConnection) -> None:
        """End the transaction that holds the lock."""
        try:
            session.execute("COMMIT")
        except _LOST as error:
            raise OperationError(
                "the connection that leads the run was lost",
                detail=f"{error}\n{self._state(session)}",
            ) from error

    def _state(self, session: SyncConnection) -> str:
        total = sum(each.population.count for each in self._planned.loads)
        again = "The same command with --resume loads the rest; dbtool seed reset takes all away."
        try:
            session.run(self._settled)
            done = session.run(self._journal.committed)
        except (DbtoolError, *_LOST):
            return f"What had been committed stays. {again}"
        rows = sum(each.rows for each in done)
        if not rows:
            return NONE_COMMITTED
        if rows == total:
            self._journal.end()
            return DONE
        return f"{rows:,} of {counted(total, 'row')} are committed and stay. {again}"

    async def _settled(self, connection: Connection) -> None:
        """Wait for the commits that were under way when their processes were ended."""
        await settled(
            lambda: self._journal.is_at_work(connection),
            _SETTLES,
            lambda: self._progress.step("waiting for commits under way (Ctrl-C ends at once)"),
        )


def _stop(workers: Sequence[_Worker]) -> None:
    """End the processes; the server rolls back what they had not committed."""
    for each in workers:
        each.process.terminate()
    for each in workers:
        each.process.join(10)
