"""Proves that a connection leads to the database that is named: it must see a lock held there.

Names and system identifiers prove nothing: both are the same after a restore.
"""

import secrets
from types import TracebackType
from typing import Self

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError

QUESTION = """
SELECT l.pid FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database()
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid::pg_catalog.int8 = {high} AND l.objid::pg_catalog.int8 = {low}
"""
"""Who holds the lock of a key, whose halves are to be filled in."""


def question(key: int) -> str:
    """What to ask a connection that has to prove itself."""
    return QUESTION.format(high=key >> 32, low=key & 0xFFFFFFFF)


HELD_SECONDS = 2
"""The server ends the transaction after so long: where a pooler has no other connection to give,
the one that has to prove itself would wait for ever, and everybody else behind it."""


class Proof:
    """Holds a lock under a random number in one transaction, whenever it is entered.

    Another connection has to name the process that holds it.
    """

    def __init__(self, target: Target, application_name: str) -> None:
        self.target = target
        self._application_name = application_name
        self.question = ""

    def __enter__(self) -> Self:
        # A new number each time: behind a pooler the last holder may not have ended yet.
        key = secrets.randbits(63)
        self.question = question(key)
        self._connection = SyncConnection(self.target, application_name=self._application_name)
        self._connection.execute(
            f"BEGIN READ ONLY; SET LOCAL idle_in_transaction_session_timeout = '{HELD_SECONDS}s'"
        )
        self._connection.fetchval("SELECT pg_catalog.pg_try_advisory_xact_lock($1)", key)
        self._holder = self._connection.fetchval("SELECT pg_catalog.pg_backend_pid()")
        return self

    def accepts(self, named: object) -> bool:
        """Whether a connection named the process; raises OperationError where none holds it now."""
        if named == self._holder:
            return True
        try:
            return bool(self._connection.fetchval("SELECT false"))
        except Exception as error:
            raise OperationError(
                f"a connection could not prove in time that it leads to {self.target.shown}",
                detail=f"It had {HELD_SECONDS} s, and another connection was open meanwhile.",
                hint="A pooler may have no second connection to give.",
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
