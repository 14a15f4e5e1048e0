"""How long the run's own sessions wait for locks, and for whom."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from dbtool.migrate.blockers import Waiting, find
from dbtool.migrate.glance import PERIOD, Glance, Own, Transaction
from dbtool.migrate.runlog import Tell

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_TELL_AFTER = 0.5
_FAR = 0.1

End = Callable[["Connection", Own], Awaitable[None]]

_Kind = tuple[Transaction, bool]


class Watcher:
    """Adds up the lock waits of each transaction, and cancels one that waits too long in all.

    lock_timeout alone counts each lock anew: an ALTER of four partitions, or four revisions in
    one transaction, would hold up everybody behind them four times as long. What is exempt may
    wait for as long as nobody waits behind it: of CONCURRENTLY, DETACH alone makes others wait.
    """

    def __init__(self, limit: float, tell: Tell, cancel: End) -> None:
        self.cancelled = False
        self.last: Waiting | None = None
        self.exempt = False
        self._limit = limit
        self._tell = tell
        self._cancel = cancel
        self._over: dict[_Kind, float] = {}
        self._ages: dict[_Kind, float] = {}
        self._told: Waiting | None = None

    def begin(self) -> None:
        """Another attempt begins."""
        self.cancelled = self.exempt = False
        self.last = None

    @property
    def waited(self) -> float:
        """The seconds that all attempts have waited for locks so far."""
        return sum(self._over.values()) + sum(self._ages.values())

    def untold(self) -> Waiting | None:
        """Who holds up this attempt, unless that has been told already."""
        before, self._told = self._told, self.last or self._told
        if self.last is None or (before is not None and before.same_as(self.last)):
            return None
        return self.last

    async def see(self, connection: "Connection", seen: Glance) -> None:
        """Add up what each transaction has waited, by the server's own clock."""
        ages = {self._kind(each): each.waits for each in seen.sessions if each.waits is not None}
        for kind, age in self._ages.items():
            if ages.get(kind, 0.0) < age:
                self._over[kind] = self._over.get(kind, 0.0) + age
        self._ages = ages
        for own in seen.sessions:
            if own.waits is not None:
                await self._waits(connection, own, lead=PERIOD + seen.took)

    def _kind(self, own: Own) -> "_Kind":
        """What adds up: waits of one transaction that are limited, and those that are not."""
        return own.transaction, own.queues or not self.exempt

    async def _waits(self, connection: "Connection", own: Own, lead: float) -> None:
        """One session waits; a cancel must be on its way before the limit is reached."""
        kind = self._kind(own)
        total, is_limited = self._over.get(kind, 0.0) + (own.waits or 0.0), kind[1]
        if self.last is None and lead < _FAR:
            self.last = await find(connection, own.pid)
        if total >= self._limit - lead and is_limited and not self.cancelled:
            self.cancelled = True
            await self._cancel(connection, own)
        if self.last is None:
            self.last = await find(connection, own.pid)
        if total >= _TELL_AFTER and (untold := self.untold()):
            self._tell(untold.shown, "blocked", **untold.fields)
