"""A statement that waits for a lock while the test looks on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target

LIMIT = 10.0


@contextmanager
def waiting(target: Target, statement: str, application: str = "waiter") -> Iterator[int]:
    """Run the statement in a session of its own until it waits for a lock; gives its pid.

    The session is ended with the block, whatever it waits for.
    """
    with (
        SyncConnection(target, application_name=application) as connection,
        SyncConnection(target, application_name="onlooker") as onlooker,
    ):
        pid = connection.fetchval("SELECT pg_backend_pid()")
        runs = threading.Thread(target=_run, args=(connection, statement), daemon=True)
        runs.start()
        until = monotonic() + LIMIT
        asks = f"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {pid}"
        while not onlooker.fetchval(asks):
            assert monotonic() < until, f"{statement} does not wait"
            sleep(0.01)
        try:
            yield pid
        finally:
            onlooker.execute(f"SELECT pg_terminate_backend({pid})")
            runs.join(LIMIT)


def _run(connection: SyncConnection, statement: str) -> None:
    try:
        connection.execute(statement)
    except Exception:
        return
