"""What health questions cost a busy server and a distant user: `python -m benchmarks.health`.

With BACKENDS WAITERS DIRECTORY as arguments: server time of each question beside what others ask,
on an empty server, with idle connections, and with a queue on one row and one behind an ALTER
TABLE; whole commands in units of `python -c pass`; and their round trips behind 0 and 80 ms. Each
folder in the directory is another program, whose *.sql files are asked one after the other: the
queries of pg_activity, say, with its placeholders filled in. What fails there is named and left
out.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from asyncpg.exceptions import PostgresError

from dbtool.database.connect import connect
from dbtool.database.connection import Connection
from dbtool.database.target import Target
from dbtool.health import locks, now, pool
from dbtool.health.parts import together
from dbtool.scratch.server import throwaway
from tests.proxy import proxy

DBTOOL = str(Path(sys.executable).parent / "dbtool")
RUNS = 9
SLOW = 3_000
"""Milliseconds from which on one run is enough."""

HANGS = "10s"
"""A statement of another program that waits for the very lock it should explain is ended."""

COMMANDS = ("now", "locks", "pool")
UNSET = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "DATABASE_URL")
STATEMENTS = {
    "now": together(now.PARTS),
    "locks": together(locks.PARTS),
    "pool": together(pool.PARTS),
    "count by state": "SELECT state, count(*) FROM pg_stat_activity GROUP BY state",
    "pg_blocking_pids": "SELECT count(pg_blocking_pids(pid)) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock'",
    "join of pg_locks": "SELECT count(*) FROM pg_locks w JOIN pg_locks h ON NOT w.granted"
    " AND h.granted AND h.pid <> w.pid AND h.locktype = w.locktype"
    " AND h.relation IS NOT DISTINCT FROM w.relation"
    " AND h.tuple IS NOT DISTINCT FROM w.tuple"
    " AND h.transactionid IS NOT DISTINCT FROM w.transactionid",
}


async def open_many(target: Target, count: int) -> list[Connection]:
    """Idle connections of forty processes."""
    opened: list[Connection] = []
    for begin in range(0, count, 50):
        batch = range(begin, min(begin + 50, count))
        names = [f"api@web{number % 40}:{number % 40}" for number in batch]
        opened += await asyncio.gather(
            *(connect(target, timeout=30, application_name=name) for name in names)
        )
    return opened


def questions(directory: Path | None) -> dict[str, tuple[str, ...]]:
    """The statements of each program, ours and those of the directory."""
    asked: dict[str, tuple[str, ...]] = {
        name: (statement,) for name, statement in STATEMENTS.items()
    }
    for folder in sorted(directory.iterdir()) if directory else ():
        files = sorted(folder.glob("*.sql"))
        asked[folder.name] = tuple(each.read_text(encoding="utf-8") for each in files)
    return asked


async def measure(target: Target, label: str, asked: dict[str, tuple[str, ...]]) -> None:
    """Print the median milliseconds of CPU that the server spends on each program's statements.

    They are what the clock says on a machine that does nothing else, and the same on a busy one.
    """
    connection = await connect(target, timeout=30, settings={"statement_timeout": HANGS})
    medians = []
    for name, statements in asked.items():
        taken = []
        for _ in range(RUNS):
            begin, busy = time.perf_counter(), _busy(connection)
            for statement in statements:
                await _fetch(connection, statement, name)
            taken.append(_busy(connection) - busy)
            if (time.perf_counter() - begin) * 1000 > SLOW:
                break
        medians.append(f"{statistics.median(taken):8.1f}")
    await connection.close()
    print(f"{label:26}", *(f"{each:>16}" for each in medians))


def _busy(connection: Connection) -> float:
    """Milliseconds for which the connection's process has been on a CPU."""
    spent = Path(f"/proc/{connection.get_server_pid()}/schedstat").read_text(encoding="ascii")
    return int(spent.split()[0]) / 1e6


async def _fetch(connection: Connection, statement: str, name: str) -> None:
    try:
        await connection.fetch(statement)
    except PostgresError as error:
        print(f"{name}: {error}", file=sys.stderr)


async def server_time(
    target: Target, backends: int, waiters: int, asked: dict[str, tuple[str, ...]]
) -> None:
    """An empty server, idle connections, then a queue on a row and one behind an ALTER."""
    print(f"{'ms of CPU, median of ' + str(RUNS):26}", *(f"{name:>16}" for name in asked))
    await measure(target, "empty server", asked)
    idle = await open_many(target, backends // 3)
    await measure(target, f"{backends // 3} idle", asked)
    idle += await open_many(target, backends - len(idle))
    await measure(target, f"{backends} idle", asked)
    for few in (waiters // 4, waiters):
        busy, queue = await _queue(target, few)
        await measure(target, f"and {few} waiting", asked)
        commands(target, f"{backends} backends, {few} waiting")
        for each in busy:
            each.terminate()
        await asyncio.gather(*queue, return_exceptions=True)
        await _gone(target)
    for each in idle:
        each.terminate()


async def _queue(
    target: Target, waiters: int
) -> tuple[list[Connection], list["asyncio.Task[str]"]]:
    """Half of them want one row, half stand behind an ALTER TABLE."""
    holder, reader, alter, *waiting = await open_many(target, waiters + 2)
    await holder.execute(
        "DROP TABLE IF EXISTS t, u; CREATE TABLE t (a int); INSERT INTO t VALUES (1);"
        " CREATE TABLE u (a int)"
    )
    await holder.execute("BEGIN; UPDATE t SET a = 1")
    await reader.execute("BEGIN; SELECT * FROM u")
    queue = [asyncio.create_task(alter.execute("ALTER TABLE u ADD b int"))]
    await asyncio.sleep(0.5)
    for number, each in enumerate(waiting):
        wants = "UPDATE t SET a = 1" if number % 2 else "SELECT * FROM u"
        queue.append(asyncio.create_task(each.execute(wants)))
    await asyncio.sleep(2)
    return [*waiting, alter, reader, holder], queue


async def _gone(target: Target) -> None:
    connection = await connect(target, timeout=30)
    asks = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while await connection.fetchval(asks):
        await asyncio.sleep(0.1)
    await connection.close()


def wall(words: Sequence[str]) -> float:
    """Milliseconds of one whole process."""
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    begin = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, env=environment, check=False)
    return (time.perf_counter() - begin) * 1000


def commands(target: Target, label: str) -> None:
    """Whole commands and `python -c pass` in turns, and how long the reports are."""
    url = target.sqlalchemy_url()
    tried = {name: [DBTOOL, name, "--url", url] for name in COMMANDS}
    tried["python -c pass"] = [sys.executable, "-c", "pass"]
    taken: dict[str, list[float]] = {name: [] for name in tried}
    for _ in range(RUNS):
        for name, words in tried.items():
            taken[name].append(wall(words))
    unit = statistics.median(taken["python -c pass"])
    for name in COMMANDS:
        median = statistics.median(taken[name])
        told = subprocess.run(tried[name], capture_output=True, text=True, check=False)
        lines = len(told.stdout.splitlines())
        print(f"{label}: dbtool {name} {median:.0f} ms = {median / unit:.1f} P, {lines} lines")


def distance(target: Target) -> None:
    """Whole commands, near and far."""
    with proxy(target) as through:
        for delay in (0.0, 0.08):
            through.delay = delay
            url = through.target.sqlalchemy_url()
            for name in COMMANDS:
                through.forget()
                taken = [wall([DBTOOL, name, "--url", url]) for _ in range(RUNS)]
                trips = through.round_trips / RUNS
                print(
                    f"round trip + {delay * 1000:.0f} ms: dbtool {name}"
                    f" {statistics.median(taken):.0f} ms in {trips:g} round trips"
                )


def main() -> None:
    """Run everything on a throwaway server."""
    backends, waiters = (int(each) for each in (sys.argv[1:3] or ("1000", "200")))
    asked = questions(Path(sys.argv[3]) if sys.argv[3:] else None)
    settings = {"max_connections": str(backends + waiters + 50)}
    with throwaway(settings=settings) as server:
        commands(server.target(), "quiet server")
        distance(server.target())
        asyncio.run(server_time(server.target(), backends, waiters, asked))


if __name__ == "__main__":
    main()
