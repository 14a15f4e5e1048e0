"""Run statements one after the other in a throwaway database, and see what each one did."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, groupby
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self

from dbtool.database.connect import connect
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.observe.observed import Failure, Observed
from dbtool.observe.state import EVERYTHING, LOCKED, Item, Tracker, items, modes, since
from dbtool.observe.watch import Watch, attempt
from dbtool.sql.names import identifier
from dbtool.statement import Statement

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.prepared_stmt import PreparedStatement

    from dbtool.database.connection import Connection

SETTINGS = MappingProxyType(
    {
        "autovacuum": "off",
        "jit": "off",
        "lc_messages": "C",
        "max_locks_per_transaction": "1024",
        "statement_timeout": "120s",
    }
)
"""What to give `throwaway`: nothing else may lock or count, histories are long, and a loop that
waits for rows would wait for ever."""

_NEEDS_NO_TRANSACTION = ("25001", "2D000")
_UNDEFINED = "42704"
_MISSING_ROLE = re.compile(r'role "(.*)" does not exist')
_FORGETS = re.compile(r"\b(?:discard|deallocate)\b", re.I)


class Observer:
    """One session of a throwaway database; every statement it runs there stays.

    `observe` and `replay` go on with the state the one before has left, as the revisions of a
    history do. A role that a statement names and nobody has created is created. Never point it
    at a database somebody needs.
    """

    def __init__(self, target: Target) -> None:
        self._connection = SyncConnection(target, application_name="dbtool observe")
        self._run = _Run(self._connection.connection, target)

    def mark(self) -> None:
        """Look from here on only at the relations there are now: nobody uses later ones yet."""
        self._connection.run(lambda _: self._run.mark())

    def observe(self, statements: Sequence[Statement]) -> tuple[Observed, ...]:
        """Run statements and say of each what it did; what follows a failure is not run.

        Neighbours with the same `transaction` share one. A failure undoes its transaction.
        """
        return self._connection.run(lambda _: self._run.observe(statements))

    def replay(self, statements: Sequence[Statement]) -> Observed | None:
        """Run statements without looking; returns the first that fails, its transaction undone."""
        return self._connection.run(lambda _: self._run.replay(statements))

    def close(self) -> None:
        """Log out."""
        try:
            self._connection.run(lambda _: self._run.watch.close())
        finally:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Run:
    """The same, on the connection's own loop."""

    def __init__(self, connection: "Connection", target: Target) -> None:
        self.worker = connection
        self.watch = Watch(lambda: connect(target, application_name="dbtool observe"))
        self._numbers = count(1)
        self._marked: frozenset[int] | None = None
        self._prepared: dict[str, PreparedStatement] = {}

    async def mark(self) -> None:
        self._marked = frozenset(items(await self._ask(EVERYTHING)))

    async def observe(self, statements: Sequence[Statement]) -> tuple[Observed, ...]:
        seen: list[Observed] = []
        for group in _groups(statements):
            if seen and seen[-1].failure:
                break
            made = await self._group(group)
            while await self._supply(made[-1].failure):
                made = await self._group(group)
            seen.extend(made)
        rest = statements[len(seen) :]
        return (*seen, *(Observed(statement=each, ran=False) for each in rest))

    async def replay(self, statements: Sequence[Statement]) -> Observed | None:
        for group in _groups(statements):
            failed = await self._replay(group)
            while failed is not None and await self._supply(failed.failure):
                failed = await self._replay(group)
            if failed is not None:
                return failed
        return None

    async def _supply(self, failure: Failure | None) -> bool:
        """Create a role that is missing: those are of a server, and no history creates them."""
        missing = _MISSING_ROLE.fullmatch(failure.message) if failure else None
        if missing is None or failure is None or failure.sqlstate != _UNDEFINED:
            return False
        _, failed = await attempt(self.worker, f"CREATE ROLE {identifier(missing[1])}")
        return failed is None

    async def _group(self, group: Sequence[Statement]) -> list[Observed]:
        alone = group[0].transaction is None
        return [await self._alone(group[0])] if alone else await self._together(group)

    async def _replay(self, group: Sequence[Statement]) -> Observed | None:
        alone = group[0].transaction is None
        return await (self._plainly(group[0]) if alone else self._quickly(group))

    async def _plainly(self, statement: Statement) -> Observed | None:
        _, failure = await self._attempt(statement)
        return Observed(statement=statement, failure=failure) if failure else None

    async def _quickly(self, group: Sequence[Statement]) -> Observed | None:
        await self.worker.execute("BEGIN")
        for statement in group:
            if failed := await self._plainly(statement):
                await self._roll_back()
                return failed
            await self._still_inside()
        if failure := await self._commit():
            return Observed(statement=group[-1], failure=failure)
        return None

    async def _together(self, group: Sequence[Statement]) -> list[Observed]:
        tracker = Tracker(await self._everything())
        await self.worker.execute("BEGIN")
        seen: list[Observed] = []
        for statement in group:
            seen.append(await self._inside(statement, tracker))
            if seen[-1].failure:
                await self._roll_back()
                return seen
            if seen[-1].ended:
                tracker = Tracker(await self._everything())
                await self.worker.execute("BEGIN")
        if failure := await self._commit():
            seen[-1] = _failed(seen[-1], failure)
        return seen

    async def _inside(self, statement: Statement, tracker: Tracker) -> Observed:
        held = tracker.locks(tracker.held)
        seconds, failure = await self._attempt(statement)
        if failure or not self.worker.is_in_transaction():
            return Observed(
                statement=statement,
                seconds=seconds,
                held=held,
                failure=failure,
                ended=not failure,
            )
        rows = await self._ask(LOCKED)
        acquired = tracker.advance(modes(rows))
        change = tracker.change(items(rows))
        return Observed(
            statement=statement,
            seconds=seconds,
            acquired=acquired,
            held=held,
            scanned=change.scanned,
            rewritten=change.rewritten,
            emptied=change.emptied,
            built=change.built,
        )

    async def _alone(self, statement: Statement) -> Observed:
        """A transaction of its own shows more, and is the same to all that accept one."""
        (seen,) = await self._together((statement,))
        if seen.failure is None or seen.failure.sqlstate not in _NEEDS_NO_TRANSACTION:
            return seen
        tracker = Tracker(await self._everything())
        self._expect(statement)
        watched = await self.watch.run(self.worker, statement.sql, tracker.old)
        change = tracker.change(await self._everything())
        return Observed(
            statement=statement,
            seconds=watched.seconds,
            acquired=tracker.locks(watched.locks),
            scanned=change.scanned,
            rewritten=change.rewritten,
            emptied=change.emptied,
            built=change.built,
            waited=watched.waited,
            failure=watched.failure,
        )

    async def _still_inside(self) -> None:
        if not self.worker.is_in_transaction():
            await self.worker.execute("BEGIN")

    async def _roll_back(self) -> None:
        if not self.worker.is_closed() and self.worker.is_in_transaction():
            await self.worker.execute("ROLLBACK")

    async def _commit(self) -> Failure | None:
        _, failure = await attempt(self.worker, "COMMIT")
        return failure

    async def _everything(self) -> dict[int, Item]:
        return since(items(await self._ask(EVERYTHING)), self._marked)

    async def _ask(self, question: str) -> "list[Record]":
        """One round trip: planning the question again would cost more than to answer it."""
        prepared = self._prepared.get(question)
        if prepared is None:
            name = f"dbtool_observe_{next(self._numbers)}"
            prepared = await self.worker.prepare(question, name=name)
            self._prepared[question] = prepared
        rows: list[Record] = await prepared.fetch()
        return rows

    async def _attempt(self, statement: Statement) -> tuple[float, Failure | None]:
        self._expect(statement)
        return await attempt(self.worker, statement.sql)

    def _expect(self, statement: Statement) -> None:
        """Forget what is prepared where the server may."""
        if _FORGETS.search(statement.sql):
            self._prepared.clear()


def _groups(statements: Sequence[Statement]) -> list[tuple[Statement, ...]]:
    """Neighbours of one transaction together, and each that has none by itself."""
    found: list[tuple[Statement, ...]] = []
    for transaction, group in groupby(statements, key=lambda each: each.transaction):
        members = tuple(group)
        found.extend([members] if transaction is not None else [(each,) for each in members])
    return found


def _failed(seen: Observed, failure: Failure) -> Observed:
    return replace(seen, failure=failure)
