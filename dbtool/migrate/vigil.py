"""Look at the run's sessions while they work: who waits, for whom, and how far they are."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from dbtool.errors import LockNotObtained, OperationError
from dbtool.migrate.blockers import Waiting
from dbtool.migrate.followers import Followers
from dbtool.migrate.glance import PERIOD, Looks, Own, cancel, end
from dbtool.migrate.longrunning import LongStatements
from dbtool.migrate.reach import Reach
from dbtool.migrate.runlog import Tell
from dbtool.migrate.statements import driver_of
from dbtool.migrate.waits import Limits, Waited
from dbtool.migrate.watcher import Watcher
from dbtool.report import counted

if TYPE_CHECKING:
    from dbtool.database.connection import Connection


class Cancelled(OperationError):
    """A limit was reached, and the attempt was ended for it."""


class Vigil:
    """Keeps a run within its limits, and others informed, from a connection beside it."""

    def __init__(self, limits: Limits, backends: Callable[[], list[int]], tell: Tell) -> None:
        self.reach = Reach()
        self._backends = backends
        self._looks = Looks()
        self._tell = tell
        self._waits = Watcher(limits.lock_timeout, tell, self._cancel)
        self._followers = Followers(limits.max_blocking, tell, self._end)
        self._long = LongStatements(tell)
        self._is_out_of_reach = False

    def begin(self, *, exempt: bool = False) -> None:
        """An attempt begins; one that is exempt may wait for as long as it needs."""
        self._waits.begin()
        self._followers.begin()
        self._waits.exempt = exempt

    def bind(self) -> None:
        """The limits hold for what comes next."""
        self._waits.exempt = False

    @property
    def waited_too_long(self) -> bool:
        """Whether this attempt was cancelled because it waited for locks too long in all."""
        return self._waits.cancelled

    @property
    def held_up_others(self) -> bool:
        """Whether it was cancelled because others waited behind it for too long."""
        return self._followers.cancelled

    def refuse_to_go_on(self) -> None:
        """Raise where this attempt was cancelled, whatever the team's code has made of that.

        A savepoint takes a cancel back, and behind the locks of its transaction others wait on.
        """
        if self.waited_too_long or self.held_up_others:
            raise Cancelled("the migration was cancelled")

    @property
    def blocks(self) -> str:
        """Whom this attempt held up, where it was cancelled for it."""
        queue = self._followers.last
        return f"It held up {queue.shown}." if queue and self._followers.cancelled else ""

    @property
    def at_locks(self) -> float:
        """The seconds that all attempts have waited for locks so far."""
        return self._waits.waited

    @property
    def waiting(self) -> Waiting | None:
        """What this attempt waited for last."""
        return self._waits.last

    def untold(self) -> Waiting | None:
        """The same, unless that has been told already."""
        return self._waits.untold()

    def gave_up(self, error: LockNotObtained, attempts: int) -> LockNotObtained:
        """The failure of the last of several attempts, with whoever stands in the way."""
        waiting, hint = self.waiting, error.hint
        if waiting is not None and waiting.blockers:
            hint = waiting.blockers[0].end
        tried = f"Given up after {counted(attempts, 'attempt')}."
        detail = f"{self._who}{error.detail}\n{tried}"
        return LockNotObtained(error.message, detail=detail, hint=hint)

    def once_only(self, error: LockNotObtained) -> LockNotObtained:
        """The failure of an attempt that must not be repeated: it may commit something twice."""
        return LockNotObtained(
            error.message,
            detail=f"{self._who}{error.detail}",
            hint="It is not known to be noted what has been committed: finish by hand the revision"
            " that had left its transaction, record where the database then stands by dbtool stamp,"
            " and run it again.",
        )

    @property
    def _who(self) -> str:
        return f"It {self.waiting.shown}.\n" if self.waiting is not None else ""

    def note(self, waited: Waited) -> None:
        """Write down how long this attempt waited, and for whom."""
        waited.for_locks = self._waits.waited
        last = self._waits.last
        if last is not None and last.shown not in waited.blockers:
            waited.blockers.append(last.shown)

    def note_followers(self, waited: Waited) -> None:
        """Write down for how long others waited."""
        waited.held_up_others = self._followers.longest

    async def look(self, connection: "Connection") -> float:
        """Look once; returns the seconds until the next time."""
        if backends := self._backends():
            seen = await self._looks.glance(connection, backends)
            self.reach.see(seen)
            await self._waits.see(connection, seen)
            await self._followers.see(connection, seen)
            await self._long.see(connection, seen)
        return PERIOD

    async def _cancel(self, connection: "Connection", own: Own) -> None:
        """End what a session of ours runs."""
        if not await cancel(connection, own):
            await self._cancel_by_driver()

    async def _end(self, connection: "Connection", own: Own) -> None:
        """End what a session of ours holds, also where it runs nothing at the moment."""
        if not await end(connection, own):
            await self._cancel_by_driver()

    async def _cancel_by_driver(self) -> None:
        """A session of another role may be out of our reach, but not of its own driver's."""
        driver = driver_of(self.reach.driver) if self.reach.driver is not None else None
        by_driver = getattr(driver, "cancel", None)
        if callable(by_driver):
            await asyncio.to_thread(by_driver)
        elif not self._is_out_of_reach:
            self._is_out_of_reach = True
            self._tell(
                "env.py's session belongs to another role, so no limit but lock_timeout, for each"
                " lock alone, can be kept; GRANT pg_signal_backend to the role of the URL mends it"
            )
