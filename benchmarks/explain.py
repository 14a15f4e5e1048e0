"""What `explain` costs beside psql, and large plans: `python -m benchmarks.explain [RUNS]`.

Whole processes in turns, medians, as ratios to P (`python -c pass`, run before each) and to
psql's EXPLAIN of the same query; queries whose nodes sleep for a known time: own times by
containment, and by the usual formula. Last, plans of 5,000 to 20,000 nodes parsed, analysed and
rendered in one process without the garbage collector, as the command runs: scans of partitions,
of which little is said, the same below a LIMIT and not run, and joins with a finding for every
fourth node.
"""

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.explain import offline, view
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.report import Report
from dbtool.scratch.binaries import find_binaries
from dbtool.scratch.server import throwaway
from dbtool.sql.script import split
from tests.explain import sleepers

DBTOOL = str(Path(sys.executable).parent / "dbtool")
QUERY = "SELECT count(*) FROM t JOIN u ON u.id = t.u_id WHERE t.v > 10"
EXPLAIN = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {QUERY}"
SETUP = """
CREATE TABLE u AS SELECT g AS id FROM generate_series(1, 100) g;
CREATE TABLE t AS SELECT g AS id, g % 100 AS u_id, g % 50 AS v FROM generate_series(1, 2000) g;
ANALYZE
"""
GOAL_P = 32
GOAL_MS = 200
SIZES = (5_000, 10_000, 20_000)
SCREEN = Screen(120, color=False, drawing=True)


def timed(words: tuple[str, ...], variables: Mapping[str, str]) -> float:
    """Milliseconds of one whole process."""
    begin = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, env={**os.environ, **variables}, check=True)
    return (time.perf_counter() - begin) * 1000


def processes(target: Target, runs: int) -> None:
    """The command and psql, each right after a P of its own."""
    psql = str(find_binaries().path("psql"))
    url = {"DATABASE_URL": target.sqlalchemy_url()}
    cases: dict[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
        "dbtool explain": ((DBTOOL, "explain", QUERY), url),
        "dbtool explain --no-analyze": ((DBTOOL, "explain", "--no-analyze", QUERY), url),
        "psql": ((psql, "-X", "-c", EXPLAIN), target.libpq_environment(os.environ)),
    }
    taken: dict[str, list[float]] = {name: [] for name in cases}
    ratios: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(runs):
        for name, (words, variables) in cases.items():
            nothing = timed((sys.executable, "-c", "pass"), {})
            taken[name].append(timed(words, variables))
            ratios[name].append(taken[name][-1] / nothing)
    peer = statistics.median(taken["psql"])
    print(f"{'':28}{'ms':>8}{'P':>8}{'psql':>8}   goal: {GOAL_P} P")
    for name in cases:
        median = statistics.median(taken[name])
        print(f"{name:28}{median:8.1f}{statistics.median(ratios[name]):8.1f}{median / peer:8.1f}")


def plan_of(size: int) -> str:
    """A scan of partitions as EXPLAIN prints it, with everything that VERBOSE and BUFFERS add."""
    blocks = {
        f"{kind} {what} Blocks": 0
        for kind, named in {
            "Shared": ("Hit", "Read", "Dirtied", "Written"),
            "Local": ("Hit", "Read", "Dirtied", "Written"),
            "Temp": ("Read", "Written"),
        }.items()
        for what in named
    }

    def node(kind: str, ms: float, hit: int, **more: object) -> dict[str, object]:
        common = {"Node Type": kind, "Parallel Aware": False, "Async Capable": False}
        cost = {"Startup Cost": 0.29, "Total Cost": 8.31, "Plan Rows": 1, "Plan Width": 36}
        actual = {"Actual Startup Time": 0.0, "Actual Total Time": ms, "Actual Rows": 1.0}
        named = {key.replace("_", " "): value for key, value in more.items()}
        counted = {"Actual Loops": 1, "Output": ["p.id", "p.v"], **blocks}
        return {**common, **cost, **actual, **counted, "Shared Hit Blocks": hit, **named}

    scans = [
        node(
            "Index Scan",
            0.005 + place % 7 / 1000,
            1 + place % 3,
            Parent_Relationship="Member",
            Relation_Name=f"part_{place}",
            Schema="public",
            Alias=f"p_{place}",
            Index_Name=f"ix_part_{place}",
            Index_Cond=f"(p_{place}.id = 7)",
            Scan_Direction="Forward",
        )
        for place in range(size - 2)
    ]
    hits = sum(1 + place % 3 for place in range(size - 2))
    append = node("Append", size * 0.009, hits, Parent_Relationship="Outer", Plans=scans)
    root = node("Aggregate", size * 0.0091, hits, Plans=[append])
    return json.dumps([{"Plan": root, "Planning Time": 1.0, "Execution Time": size * 0.0092}])


def limit_of(size: int) -> str:
    """The same scans below a LIMIT, as EXPLAIN prints them without running them."""
    (explained,) = json.loads(plan_of(size))
    (append,) = explained["Plan"]["Plans"]
    append["Total Cost"] = 8.31 * (size - 2)
    root = {**explained["Plan"], "Node Type": "Limit", "Total Cost": 0.31}
    for each in (root, append, *append["Plans"]):
        for key in [key for key in each if key.startswith("Actual") or key.endswith("Blocks")]:
            del each[key]
    return json.dumps([{"Plan": root}])


def joins_of(size: int) -> str:
    """Joins in pairs of pairs, half of whose tables came with more rows than expected."""

    def node(kind: str, rows: int, expected: int, ms: float, **more: object) -> dict[str, object]:
        cost = {"Startup Cost": 0.29, "Total Cost": 8.31, "Plan Rows": expected, "Plan Width": 8}
        actual = {"Actual Startup Time": 0.0, "Actual Total Time": ms, "Actual Rows": float(rows)}
        named = {key.replace("_", " "): value for key, value in more.items()}
        return {"Node Type": kind, **cost, **actual, "Actual Loops": 1, **named}

    def scan(place: int) -> dict[str, object]:
        name, condition = f"t_{place}", f"((t_{place}.k = 7) AND (t_{place}.v > 3))"
        named = {"Relation_Name": name, "Schema": "public", "Alias": name}
        return node("Seq Scan", 2_000, 2_000 if place % 2 else 10, 1.0, **named, Filter=condition)

    level = [scan(place) for place in range((size + 1) // 2)]
    while len(level) > 1:
        pairs = list(zip(level[::2], level[1::2], strict=False))
        odd = level[len(pairs) * 2 :]
        joined = []
        for left, right in pairs:
            left["Parent Relationship"], right["Parent Relationship"] = "Outer", "Inner"
            ms = sum(float(str(each["Actual Total Time"])) for each in (left, right)) + 0.5
            condition = "(a.id = b.id)"
            plans = {"Plans": [left, right], "Hash_Cond": condition}
            joined.append(node("Hash Join", 20_000, 20_000, ms, **plans))
        level = joined + odd
    return json.dumps([{"Plan": level[0], "Planning Time": 1.0}])


def median_of(work: Callable[[], object], runs: int) -> float:
    """Milliseconds of one call; its result is let go afterwards, as the command never does.

    Of the processor: nothing is waited for, and a loaded machine makes the clock's tell nothing.
    """
    taken = []
    for _ in range(runs):
        begin = time.process_time()
        result = work()
        taken.append((time.process_time() - begin) * 1000)
        del result
        gc.collect()
    return statistics.median(taken)


_SHAPES = (("partitions", plan_of), ("limit", limit_of), ("joins", joins_of))


def large_plans(runs: int) -> None:
    """Read, attributed, judged and printed."""
    gc.disable()
    print(f"\n{'nodes':>18}{'ms':>8}{'us/node':>9}{'json.loads':>12}{'findings':>10}{'lines':>7}")
    for shape, made in _SHAPES:
        for size in SIZES:
            text = made(size)
            whole, parse = large_plan(text, runs)
            report, shown = printed(text)
            findings, lines = len(report.findings), len(shown.splitlines())
            figures = f"{whole:8.0f}{whole * 1000 / size:9.1f}{parse:12.0f}{findings:10,}{lines:7,}"
            print(f"{shape:10}{size:8,}{figures}")
    print(f"goal: {GOAL_MS} ms for 10,000 nodes")


def printed(text: str) -> tuple[Report, str]:
    """What `dbtool explain --from-plan` does with a file it has read."""
    report = view.report(offline.examine(text, "plan"))
    return report, render(report, SCREEN)


def large_plan(text: str, runs: int) -> tuple[float, float]:
    """Milliseconds of everything, and of the part that is the standard library's."""
    whole = median_of(lambda: printed(text), runs)
    return whole, median_of(lambda: json.loads(text), runs)


def attribution(target: Target) -> None:
    """Nodes given a wrong time, and plans whose slowest node is named."""
    few = "CREATE TABLE few AS SELECT g AS id FROM generate_series(1, 5) g;"
    table = "CREATE TABLE t AS SELECT g AS id, g % 10 AS k FROM generate_series(1, 1000) g;"
    with SyncConnection(target) as connection:
        for piece in split(f"{sleepers.SETUP}{few}{table}ANALYZE"):
            connection.execute(piece.text)
        seen = [sleepers.observe(connection, query) for query in sleepers.QUERIES]
    nodes = sum(1 for each in seen for node in each.plan.nodes if node.executed)
    print(
        f"\n{'own time':28}{'wrong of ' + str(nodes):>16}{'slowest named of ' + str(len(seen)):>22}"
    )
    for name, own in (("containment", sleepers.ours), ("inclusive - children", sleepers.simple)):
        wrong = sum(len(each.wrong(own(each.plan))) for each in seen)
        named = sum(each.names_the_slowest(own(each.plan)) for each in seen)
        print(f"{name:28}{wrong:16}{named:22}")


def main() -> None:
    """Run both on a throwaway server."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with throwaway() as server:
        target = server.create_database("explained")
        with SyncConnection(target) as connection:
            connection.execute(SETUP)
        processes(target, runs)
        attribution(server.create_database("slept"))
    large_plans(runs)


if __name__ == "__main__":
    main()
