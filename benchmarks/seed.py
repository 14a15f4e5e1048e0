"""Seeding beside the ways people fill databases: `python -m benchmarks.seed [USERS] [--memory=N]`.

Users, posts and comments of the reference models. The limit is psql copying the very same bytes,
with constraints in place and with foreign keys and indexes dropped before and built after. Each
way runs in a process of its own into an empty database on a server of its own; the slow ones make
users alone, and fewer. Faker, factory_boy, polyfactory, mimesis and postseed are installed by uv
into a temporary directory, drizzle-seed by npm. Figures: rows a second, and microseconds of
processor time a row of the client and of its server process. The rates mean something on a
machine with a core to spare.
`--memory` adds how much dbtool's process grows from its plan on, at N users (300,000).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.seed_peers import RECORDS, commands, environment, install
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.metadata import load
from dbtool.ports import Silent
from dbtool.scratch.binaries import client
from dbtool.scratch.server import Server, throwaway
from dbtool.seed import bulk
from dbtool.seed.export import export
from dbtool.seed.plan import Request

ROOT = Path(__file__).parent.parent
MODELS = load(["dbtool.example:Base"], ROOT)
TABLES = ("users", "posts", "comments")
GOAL, CLIENT, ROOM = 0.9, 1.5, 30
"""Of psql's rate; microseconds a row of the client; megabytes that its process may grow by."""

MEASURE = """
import json, os, resource, sys, time
from pathlib import Path
url, plain = os.environ["BENCH_URL"], os.environ["BENCH_PLAIN"]
users = int(os.environ["BENCH_USERS"])
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
def measured(work):
    before, began, cpu = rss(), time.perf_counter(), time.process_time()
    rows = work()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({"rows": rows, "wall": wall, "cpu": cpu, "grown": peak - before}))
"""
OURS = """
from dbtool.database.url import parse
from dbtool.metadata import load
from dbtool.seed.load import Mode
from dbtool.seed.plan import Request
from dbtool.seed.run import Loading, plan, seed
models = load(["dbtool.example:Base"], Path(os.environ["BENCH_ROOT"]))
target, tables = parse(url, "scratch"), ("users", "posts", "comments")
plan(target, models, Request(1, tables=tables))
mode = Mode(os.environ["BENCH_MODE"])
measured(lambda: seed(target, models, Request(users, tables=tables), loading=Loading(mode)).rows)
"""


class Bench:
    """One server, and a fresh database for each way."""

    def __init__(self, server: Server, users: int, place: Path) -> None:
        self.server = server
        self.users = users
        self.place = place
        self._number = 0

    def database(self) -> Target:
        """An empty database with the tables of the reference models."""
        from sqlalchemy import create_engine

        self._number += 1
        target = self.server.create_database(f"bench{self._number}")
        url = target.sqlalchemy_url().replace("+asyncpg", "+psycopg")
        engine = create_engine(url)
        MODELS.metadatas[0].create_all(engine)
        engine.dispose()
        return target

    def python(
        self, target: Target, script: str, users: int, more: Mapping[str, str]
    ) -> dict[str, float]:
        """Run a script that measures itself."""
        return self.run(target, [sys.executable, "-c", MEASURE + script], users, more)

    def run(
        self, target: Target, command: Sequence[str], users: int, more: Mapping[str, str]
    ) -> dict[str, float]:
        """Run a program that measures itself; raises ValueError with what it said at its end."""
        url = target.sqlalchemy_url()
        environment = {
            **os.environ,
            "BENCH_URL": url,
            "BENCH_PLAIN": url.replace("+asyncpg", ""),
            "BENCH_USERS": str(users),
            "BENCH_ROOT": str(ROOT),
            **more,
        }
        before = self.spent()
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise ValueError(ran.stderr[-1500:])
        found: dict[str, float] = json.loads(ran.stdout)
        found["server"] = self.spent() - before
        return found

    def psql(self, target: Target, script: str, rows: int) -> dict[str, float]:
        """Run a script of psql in the directory of the files."""
        path = self.place / "bench.sql"
        path.write_text(script)
        environment = target.libpq_environment(os.environ)
        program = client("psql", self.server.binaries.major)
        before, began, cpu = self.spent(), time.perf_counter(), os.times()
        command = [str(program), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(path)]
        subprocess.run(command, cwd=self.place / "files", env=environment, check=True)
        wall, after = time.perf_counter() - began, os.times()
        spent = after.children_user - cpu.children_user
        spent += after.children_system - cpu.children_system
        return {"rows": rows, "wall": wall, "cpu": spent, "server": self.spent() - before}

    def spent(self) -> float:
        """Processor time of the server's processes that have ended."""
        # A server process that has just lost its client needs a moment to end.
        time.sleep(0.5)
        with SyncConnection(self.server.target()) as session:
            backend = session.fetchval("SELECT pg_backend_pid()")
            parent = _stat(backend)[1]
        fields = _stat(int(parent))
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of a process from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def script(bench: Bench, target: Target, *, aside: bool) -> str:
    """The loader of an export, as it is or around foreign keys and indexes set aside."""
    text = (bench.place / "files" / "load.sql").read_text()
    if not aside:
        return text
    tables = [f"public.{name}" for name in TABLES]
    with SyncConnection(target) as session:
        found = session.run(lambda connection: bulk.look(connection, tables)).movable
    drops = "".join(f"{part.drop()};\n" for part in found)
    builds = "".join(f"{part.restore()};\n" for part in found[::-1])
    return text.replace("BEGIN;\n", f"BEGIN;\n{drops}").replace("COMMIT;", f"{builds}COMMIT;")


def line(label: str, found: Mapping[str, float], limit: float) -> float:
    """Print one way; returns its rate."""
    rate = found["rows"] / found["wall"]
    client_cpu, server_cpu = (found[key] / found["rows"] * 1e6 for key in ("cpu", "server"))
    share = f"{rate / limit:6.2f}" if limit else "  1.00"
    print(
        f"{label:36}{found['rows']:>10,.0f}{rate:>10,.0f}{client_cpu:>9.2f}{server_cpu:>9.2f}{share}",
        flush=True,
    )
    return rate


def peers(bench: Bench, limit: float) -> None:
    """Ways by which each row is an object, and one with records that are ready."""
    target = bench.database()
    with SyncConnection(target) as session:
        session.execute("CREATE SCHEMA made")
        for name in TABLES:
            session.execute(f"CREATE TABLE made.{name} (LIKE public.{name})")
    ready = script(bench, target, aside=False).replace("\\copy public.", "\\copy made.")
    copies = [each for each in ready.splitlines() if each.startswith("\\copy")]
    bench.psql(target, "\n".join(copies) + "\n", 1)
    line("asyncpg copy_records_to_table", bench.python(target, RECORDS, 0, {}), limit)
    more, few = environment(install(bench.place, ROOT), ROOT), min(bench.users, 5000)
    for label, command in commands(bench.place, MEASURE).items():
        try:
            found = bench.run(bench.database(), command, few, more)
        except (OSError, ValueError) as error:
            print(f"{label:36} did not run: {last_line(error)}")
        else:
            line(label, found, limit)


def last_line(error: Exception) -> str:
    """What a program said at its end."""
    return (str(error).strip().splitlines() or ["it said nothing"])[-1]


def main(arguments: Sequence[str]) -> int:
    """Print all ways; 1 where a goal is missed."""
    numbers = [int(each) for each in arguments if each.isdigit()]
    users = numbers[0] if numbers else 20_000
    memory = [each.partition("=")[2] or "300000" for each in arguments if "--memory" in each]
    missed = []
    with throwaway(18) as server, TemporaryDirectory() as directory:
        bench = Bench(server, users, Path(directory))
        target = bench.database()
        wanted = Request(users, tables=TABLES)
        made = export(target, MODELS, wanted, bench.place / "files", Silent())
        size = made.bytes / made.plan.rows
        print(f"{made.plan.rows:,} rows of {size:.0f} bytes; µs of processor time a row")
        print(f"{'':36}{'rows':>10}{'rows/s':>10}{'client':>9}{'server':>9}{'psql=1':>6}")
        for mode in ("online", "bulk"):
            target = bench.database()
            text = script(bench, target, aside=mode == "bulk")
            limit = line(f"psql \\copy, {mode}", bench.psql(target, text, made.plan.rows), 0)
            found = bench.python(bench.database(), OURS, users, {"BENCH_MODE": mode})
            rate = line(f"dbtool seed run --{mode}", found, limit)
            missed += [f"{mode}: {rate / limit:.2f} of psql"] if rate < GOAL * limit else []
            spent = found["cpu"] / found["rows"] * 1e6
            missed += [f"{mode}: {spent:.2f} µs of the client"] if spent > CLIENT else []
            if mode == "online":
                peers(bench, limit)
        for each in memory:
            found = bench.python(bench.database(), OURS, int(each), {"BENCH_MODE": "bulk"})
            print(f"{found['rows']:,.0f} rows: the process grew by {found['grown']:.0f} MB")
            missed += ["memory"] if found["grown"] > ROOM else []
    print(f"goals: {GOAL} of psql, {CLIENT} µs, {ROOM} MB; missed: {', '.join(missed) or 'none'}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
