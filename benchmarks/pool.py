"""What `pool` costs a busy server and a distant user: `python -m benchmarks.pool [BACKENDS]`.

Server time beside a plain count of pg_stat_activity and beside pg_blocking_pids, with idle
connections and then with a queue on one row; and the whole command behind 0 and 80 ms.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path

from dbtool.database.connect import connect
from dbtool.database.connection import Connection
from dbtool.database.target import Target
from dbtool.health.statement import SQL
from dbtool.scratch.server import throwaway
from tests.proxy import proxy

DBTOOL = str(Path(sys.executable).parent / "dbtool")
RUNS = 9
WAITERS = 200
STATEMENTS = {
    "dbtool pool": SQL,
    "count by state": "SELECT state, count(*) FROM pg_stat_activity GROUP BY state",
    "pg_blocking_pids": "SELECT count(pg_blocking_pids(pid)) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock'",
}


async def open_many(target: Target, count: int) -> list[Connection]:
    """Idle connections of forty processes."""
    opened: list[Connection] = []
    for begin in range(0, count, 50):
        batch = range(begin, min(begin + 50, count))
        names = [f"api@web{number % 40}:{number % 40}" for number in batch]
        opened += await asyncio.gather(*(connect(target, application_name=n) for n in names))
    return opened


async def measure(target: Target, label: str) -> None:
    """Print the median milliseconds of each statement."""
    connection = await connect(target)
    medians = []
    for statement in STATEMENTS.values():
        taken = []
        for _ in range(RUNS):
            begin = time.perf_counter()
            await connection.fetch(statement)
            taken.append((time.perf_counter() - begin) * 1000)
        medians.append(f"{statistics.median(taken):8.1f}")
    await connection.close()
    print(f"{label:34}", *(f"{each:>18}" for each in medians))


async def server_time(target: Target, backends: int) -> None:
    """An empty server, one with idle connections, one with a queue on a row."""
    print(f"{'ms, median of ' + str(RUNS):34}", *(f"{name:>18}" for name in STATEMENTS))
    await measure(target, "empty server")
    idle = await open_many(target, backends // 3)
    await measure(target, f"{backends // 3} idle")
    idle += await open_many(target, backends - len(idle))
    await measure(target, f"{backends} idle")
    holder, *waiting = await open_many(target, WAITERS + 1)
    await holder.execute("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
    await holder.execute("BEGIN; UPDATE t SET a = 1")
    queue = [asyncio.create_task(each.execute("UPDATE t SET a = 1")) for each in waiting]
    await asyncio.sleep(2)
    await measure(target, f"and {WAITERS} waiting for one row")
    for each in (*idle, holder, *waiting):
        each.terminate()
    await asyncio.gather(*queue, return_exceptions=True)


def distance(target: Target) -> None:
    """The whole command, near and far."""
    with proxy(target) as through:
        for delay in (0.0, 0.08):
            through.delay = delay
            taken = []
            for _ in range(RUNS):
                through.forget()
                begin = time.perf_counter()
                url = through.target.sqlalchemy_url()
                subprocess.run(
                    [DBTOOL, "pool", "--url", url], stdout=subprocess.DEVNULL, check=True
                )
                taken.append((time.perf_counter() - begin) * 1000)
            print(
                f"round trip + {delay * 1000:.0f} ms: dbtool pool takes"
                f" {statistics.median(taken):.0f} ms in {through.round_trips} round trips"
            )


def main() -> None:
    """Run everything on a throwaway server."""
    backends = int(sys.argv[1]) if len(sys.argv) > 1 else 700
    settings = {"max_connections": str(backends + WAITERS + 50)}
    with throwaway(settings=settings) as server:
        distance(server.target())
        asyncio.run(server_time(server.target(), backends))


if __name__ == "__main__":
    main()
