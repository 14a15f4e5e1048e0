"""What the probe adds to taking a connection: `python benchmarks/probe.py [CHECKOUTS]`.

Pools of connections that are open already, with and without a probe in turns, so that nothing but
the pool itself is timed: processor time, medians of rounds. The asynchronous pool is called as an
application calls it, from a coroutine some functions deep.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dbtool.probe import install, uninstall
from dbtool.scratch.server import throwaway

GOAL = 25.0
"""Microseconds that a checkout may cost more."""
ROUNDS = 9
DEPTH = 20


def below(depth: int, call: Callable[[], None]) -> None:
    """Call it from as deep as frameworks do."""
    if depth:
        below(depth - 1, call)
    else:
        call()


async def below_awaiting(depth: int, call: Callable[[], Awaitable[None]]) -> None:
    """The same for coroutines."""
    if depth:
        await below_awaiting(depth - 1, call)
    else:
        await call()


def threads(engine: Engine, checkouts: int) -> float:
    """Microseconds of one checkout and checkin."""

    def work() -> None:
        for _ in range(checkouts):
            engine.raw_connection().close()

    began = time.process_time()
    below(DEPTH, work)
    return (time.process_time() - began) / checkouts * 1e6


async def tasks(engine: AsyncEngine, checkouts: int) -> float:
    """The same through an asynchronous engine."""

    async def work() -> None:
        for _ in range(checkouts):
            await (await engine.connect()).close()

    began = time.process_time()
    await below_awaiting(DEPTH, work)
    return (time.process_time() - began) / checkouts * 1e6


async def asynchronous(url: str, checkouts: int) -> tuple[float, float]:
    """Medians without and with a probe."""
    engine = create_async_engine(url, pool_reset_on_return=None)
    plain, probed = [], []
    await tasks(engine, 10)
    for _ in range(ROUNDS):
        plain.append(await tasks(engine, checkouts))
        install(engine)
        probed.append(await tasks(engine, checkouts))
        uninstall(engine)
    await engine.dispose()
    return statistics.median(plain), statistics.median(probed)


def synchronous(url: str, checkouts: int) -> tuple[float, float]:
    """Medians without and with a probe."""
    engine = create_engine(url.replace("+asyncpg", "+psycopg"), pool_reset_on_return=None)
    plain, probed = [], []
    threads(engine, 10)
    for _ in range(ROUNDS):
        plain.append(threads(engine, checkouts))
        install(engine)
        probed.append(threads(engine, checkouts))
        uninstall(engine)
    engine.dispose()
    return statistics.median(plain), statistics.median(probed)


def main(checkouts: int) -> int:
    """Print both pools, and fail where the goal is missed."""
    with throwaway(18) as server:
        url = server.create_database("probe").sqlalchemy_url()
        rows = {
            "QueuePool": synchronous(url, checkouts),
            "AsyncAdaptedQueuePool": asyncio.run(asynchronous(url, checkouts)),
        }
    missed = 0
    print(f"{'pool':24}{'without':>10}{'with':>10}{'added':>10}{'ratio':>8}")
    for name, (plain, probed) in rows.items():
        added = probed - plain
        missed += added > GOAL
        print(f"{name:24}{plain:7.1f} µs{probed:7.1f} µs{added:7.1f} µs{probed / plain:8.2f}")
    print(f"goal: at most {GOAL:.0f} µs added")
    return int(bool(missed))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
