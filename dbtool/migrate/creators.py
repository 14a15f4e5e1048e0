"""Lead engines that connect through a function of the team's own to a throwaway server.

Where they lead is not in their arguments, so SQLAlchemy's connect event is not raised for them.
The function itself is never called: a run in a throwaway server has no business elsewhere.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.pool.base import _ConnectionRecord

Lead = Callable[[Dialect, object], DBAPIConnection]

_CONNECT = "_ConnectionRecord__connect"
_SQLALCHEMY = "sqlalchemy.engine.create"


@contextmanager
def led_by(lead: Lead) -> Iterator[None]:
    """Have `lead` open what such a function would; it is given the function too."""
    connect = getattr(_ConnectionRecord, _CONNECT)

    def connected(record: Any) -> None:
        pool = record._ConnectionRecord__pool
        creator = pool._creator
        if getattr(creator, "__module__", "") == _SQLALCHEMY:
            connect(record)
            return

        def opened(_: ConnectionPoolEntry) -> DBAPIConnection:
            return lead(pool._dialect, creator)

        pool._creator = opened
        try:
            connect(record)
        finally:
            pool._creator = creator

    setattr(_ConnectionRecord, _CONNECT, connected)
    try:
        yield
    finally:
        setattr(_ConnectionRecord, _CONNECT, connect)
