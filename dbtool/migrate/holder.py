"""Our own connection to the named database, and the lock by which others can recognise it."""

import secrets
from typing import TYPE_CHECKING

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target, pooled
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_NAME = "dbtool migrations"
_TRIES = 3


class Holder:
    """Holds an advisory lock under a random number until it is closed."""

    def __init__(self, target: Target) -> None:
        if evidence := pooled(target):
            raise behind_pooler(target, evidence)
        self.target = target
        self.key = secrets.randbits(63)
        self.connection = SyncConnection(target, application_name=_NAME)
        try:
            self.backend = _backend(self.connection)
            self._refuse_shared_backend()
            self.connection.fetchval("SELECT pg_try_advisory_lock($1)", self.key)
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Give up the lock and the connection."""
        self.connection.close()

    @property
    def question(self) -> str:
        """By which another connection says who it is, and which backend holds the lock it sees.

        The lock's own database comes along: it is the connection's, or only on its server.
        """
        return f"""
            SELECT pg_catalog.pg_backend_pid(), l.pid,
                   coalesce(d.datname = pg_catalog.current_database(), false),
                   current_user || '@'
                   || coalesce(pg_catalog.host(pg_catalog.inet_server_addr()), 'socket') || ':'
                   || pg_catalog.current_setting('port') || '/' || pg_catalog.current_database()
              FROM (SELECT 1) one
              LEFT JOIN pg_catalog.pg_locks l
                     ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                    AND l.classid::pg_catalog.int8 = {self.key >> 32}
                    AND l.objid::pg_catalog.int8 = {self.key & 0xFFFFFFFF}
              LEFT JOIN pg_catalog.pg_database d ON d.oid = l.database
        """

    def _refuse_shared_backend(self) -> None:
        """Two sessions that are open at once must not be given one server process.

        A pooler of any kind invents the process number it reports at login; only then is it
        worth looking.
        """
        if self.connection.run(_reported_backend) == self.backend:
            return
        for _ in range(_TRIES):
            with SyncConnection(self.target, application_name=_NAME) as second:
                if _backend(second) == _backend(self.connection):
                    raise behind_pooler(self.target, "two sessions share one server process")


def _backend(connection: SyncConnection) -> int:
    return int(connection.fetchval("SELECT pg_backend_pid()"))


def behind_pooler(target: Target, evidence: str) -> UsageError:
    """The target is a transaction pooler, and migrations cannot go through one."""
    host = target.host.replace("-pooler.", ".", 1)
    direct = f"{target.user}@{host}:{target.port}/{target.database}"
    found = host != target.host
    return UsageError(
        f"{target.shown} is reached through a transaction pooler",
        detail=f"{evidence[0].upper()}{evidence[1:]}. Migrations need a session of their own;"
        " the locks and settings of a session do not survive such a pooler.",
        hint=f"Name the direct endpoint: {direct}."
        if found
        else "Name the server itself, not its pooler.",
    )


async def _reported_backend(connection: "Connection") -> int:
    pid: int = connection.get_server_pid()
    return pid
