"""One run at a time fills a database: the second is told so instead of waiting."""

from dbtool.database.connection import Connection
from dbtool.errors import LockNotObtained
from dbtool.seed.trouble import NOTHING

_LOCK = int.from_bytes(b"db seed")
_TRY = "SELECT pg_try_advisory_xact_lock($1)"


async def take(connection: Connection, *, session: bool = False) -> None:
    """Raise where another run is filling the database; ours until the transaction ends.

    With `session` it is ours until the session ends.
    """
    what = _TRY.replace("_xact", "") if session else _TRY
    if not await connection.fetchval(what, _LOCK):
        raise taken()


async def is_taken(connection: Connection) -> bool:
    """Whether another run is filling the database, asked outside of a transaction."""
    return not await connection.fetchval(_TRY, _LOCK)


def taken() -> LockNotObtained:
    """What the second run is told."""
    return LockNotObtained(
        "another dbtool seed is filling this database",
        detail=NOTHING,
        hint="Wait until it has ended; its rows will be there then.",
    )
