"""Our own connection to the named database, and the lock by which others can recognise it."""

import secrets

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate import pooler
from dbtool.migrate.lock import LEADER, NEVER_IDLE, NOTICE_LOST_CLIENT

PATIENCE = {"lock_timeout": "2s"}
"""What env.py holds may keep us waiting, while it waits for us."""


class Holder:
    """Holds an advisory lock under a random number until it is closed.

    Behind a transaction pooler, where only `reading` may go, an open transaction holds it.
    `pooled` says by what such a pooler was recognised; `direct` lets its name alone pass.
    """

    def __init__(self, target: Target, *, reading: bool = False, direct: bool = False) -> None:
        if (named := pooler.certain_by_name(target)) and not (reading or direct):
            raise pooler.refusal(target, named)
        self.target = target
        self.key = secrets.randbits(63)
        self.connection = SyncConnection(target, application_name=LEADER)
        try:
            self.backend = pooler.process_of(self.connection)
            self.pooled = pooler.transaction_pooling(self.connection, target, self.backend)
            if self.pooled and not reading:
                raise pooler.refusal(target, self.pooled, direct=direct)
            if self.pooled:
                self.backend = pooler.pin(self.connection, target)
            lock = "pg_try_advisory_xact_lock" if self.pooled else "pg_try_advisory_lock"
            self.connection.fetchval(
                f"SELECT pg_catalog.{lock}($1),"
                f" pg_catalog.set_config('lock_timeout', '{PATIENCE['lock_timeout']}', $2),"
                f" {'NULL' if self.pooled else f'{NOTICE_LOST_CLIENT}, {NEVER_IDLE}'}",
                self.key,
                bool(self.pooled),
            )
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Give up the lock and the connection."""
        self.connection.close()

    @property
    def lives(self) -> bool:
        """Whether our session is still there; without it nobody can see its lock."""
        try:
            self.connection.fetchval("SELECT 1")
        except Exception:
            return False
        return True

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
