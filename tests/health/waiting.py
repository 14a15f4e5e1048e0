"""A statement that waits for a lock, or runs, while the test looks on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target

LIMIT = 60.0


@contextmanager
def waiting(target: Target, statement: str, application: str = "waiter") -> Iterator[int]:
    """Run the statement in a session of its own until it waits for a lock; gives its pid.

    The session is ended with the block, whatever it waits for.
    """
    with _until(target, statement, application, "wait_event_type = 'Lock'") as pid:
        yield pid


@contextmanager
def running(
    target: Target, statement: str, application: str = "runner", event: str = "PgSleep"
) -> Iterator[int]:
    """Run a statement until it sleeps, in a session of its own; gives its pid."""
    with _until(target, statement, application, f"wait_event = '{event}'") as pid:
        yield pid


@contextmanager
def _until(target: Target, statement: str, application: str, condition: str) -> Iterator[int]:
    with (
        SyncConnection(target, application_name=application) as connection,
        SyncConnection(target, application_name="onlooker") as onlooker,
    ):
        pid = connection.fetchval("SELECT pg_backend_pid()")
        runs = threading.Thread(target=_run, args=(connection, statement), daemon=True)
        runs.start()
        until = monotonic() + LIMIT
        asks = f"SELECT {condition} FROM pg_stat_activity WHERE pid = {pid}"
        while not onlooker.fetchval(asks):
            assert monotonic() < until, f"{statement} is not there yet"
            sleep(0.01)
        try:
            yield pid
        finally:
            # Until it is gone: who looks at the whole server next would see it.
            onlooker.execute(f"SELECT pg_terminate_backend({pid}, 60000)")
            runs.join(LIMIT)


def _run(connection: SyncConnection, statement: str) -> None:
    try:
        connection.execute(statement)
    except Exception:
        return
