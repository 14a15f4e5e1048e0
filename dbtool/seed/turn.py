"""One run at a time fills a database: the second is told so instead of waiting."""

from dbtool.database.connection import Connection
from dbtool.errors import LockNotObtained
from dbtool.seed.trouble import NOTHING

_LOCK = int.from_bytes(b"db seed")
_TRY = "SELECT pg_try_advisory_xact_lock($1)"
_AT_WORK = f"""
SELECT l.pid FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.classid::int8 = {_LOCK >> 32} AND l.objid::int8 = {_LOCK & 0xFFFFFFFF}
   AND d.datname = current_database()
UNION
SELECT pid FROM pg_catalog.pg_stat_activity
 WHERE datname = current_database() AND application_name = 'dbtool seed'
   AND backend_xid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
ORDER BY 1
"""
"""Who holds the lock, and who has written rows: a killed run's parts end after its leader."""


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


async def at_work(connection: Connection) -> list[int]:
    """The server processes of a run that is filling the database, or that has not yet ended."""
    return [row["pid"] for row in await connection.fetch(_AT_WORK)]


def taken() -> LockNotObtained:
    """What the second run is told."""
    return LockNotObtained(
        "another dbtool seed is filling this database",
        detail=NOTHING,
        hint="Wait until it has ended; its rows will be there then.",
    )
