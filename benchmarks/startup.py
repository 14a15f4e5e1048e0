"""How long commands take to start, beside their peers: `python benchmarks/startup.py [RUNS]`.

Whole processes, taken in turns, medians; P is `python -c pass` of the same interpreter, run
before each of them, so that the ratios hold on any machine. Peers run on the same project and
server.
"""

import os
import platform
import pty
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dbtool.scratch.binaries import find_binaries
from dbtool.scratch.server import throwaway

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = Path(sys.executable).parent
DBTOOL = str(INSTALLED / "dbtool")
ALEMBIC = str(INSTALLED / "alembic")
SLOWS_PYTHON = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


@dataclass(frozen=True, slots=True)
class Case:
    """One command line to time, the most it may take, in P, how it ends, and where it prints."""

    name: str
    words: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    goal: float | None = None
    code: int = 0
    terminal: bool = False


PASS = Case("P: python -c pass", (sys.executable, "-c", "pass"))


def cases(url: str) -> Iterator[Case]:
    """Ours and the peers'."""
    yield Case("dbtool --version", (DBTOOL, "--version"), goal=6.5)
    yield Case("dbtool --help", (DBTOOL, "--help"), goal=13)
    screen = {"TERM": "xterm", "COLUMNS": "80"}
    yield Case("dbtool --help, in panels", (DBTOOL, "--help"), screen, 13, terminal=True)
    yield Case("dbtool upgrade --help", (DBTOOL, "upgrade", "--help"), goal=13)
    yield Case("dbtool upgrdae (usage error)", (DBTOOL, "upgrdae"), goal=13, code=2)
    refused = (DBTOOL, "pool", "--url", url, "-o", "/")
    yield Case("dbtool pool, without its work", refused, goal=6.5, code=2)
    yield _tab("bash: commands", "bash", "dbtool ", 6.5)
    yield _tab("bash: flags", "bash", "dbtool upgrade --", 6.5)
    yield _tab("zsh: commands", "zsh", "dbtool ", 6.5)
    yield _tab("bash: revisions", "bash", "dbtool upgrade ", 22)
    yield Case("dbtool config", (DBTOOL, "config"))
    yield Case("dbtool pool", (DBTOOL, "pool", "--url", url), goal=22)
    yield Case("dbtool history", (DBTOOL, "history"))
    yield Case("alembic --help", (ALEMBIC, "--help"))
    yield Case("alembic history", (ALEMBIC, "history"))
    yield Case("alembic current", (ALEMBIC, "current"), {"DATABASE_URL": url})
    psql = str(find_binaries().path("psql"))
    yield Case("psql -c 'select 1'", (psql, "-X", "-c", "select 1", _libpq(url)))


def _tab(name: str, shell: str, line: str, goal: float) -> Case:
    variables = {
        "_DBTOOL_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
        "_TYPER_COMPLETE_ARGS": line,
    }
    return Case(f"Tab in {name}", (DBTOOL,), variables, goal)


def _libpq(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://")


def seconds(case: Case) -> float:
    """The wall time of one run; a run that fails would be fast, and is refused."""
    environment = {key: value for key, value in os.environ.items() if key not in SLOWS_PYTHON}
    environment.pop("DATABASE_URL", None)
    ours, theirs = pty.openpty() if case.terminal else (None, subprocess.DEVNULL)
    began = time.perf_counter()
    with subprocess.Popen(
        case.words,
        cwd=ROOT,
        env=environment | dict(case.variables),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    ) as running:
        if ours is not None:
            os.close(theirs)
            _read_out(ours)
    taken = time.perf_counter() - began
    if running.returncode != case.code:
        raise RuntimeError(f"{case.name} ended with {running.returncode}, not with {case.code}")
    return taken


def _read_out(terminal: int) -> None:
    """Take what a terminal is told, until nobody tells it anything any more."""
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def report(taken: dict[str, list[float]], all_cases: list[Case]) -> Iterator[str]:
    """One line per case: milliseconds, ratio to P with its middle half, and the goal."""
    base = statistics.median(taken[PASS.name])
    yield f"{'':32} {'ms':>7} {'P':>7}   middle half    goal"
    for case in (PASS, *all_cases):
        times = taken[case.name]
        low, middle, high = statistics.quantiles(times, n=4)
        ratio = middle / base
        verdict = "ok" if case.goal is None or ratio <= case.goal else "OVER"
        goal = "" if case.goal is None else f"{case.goal:5.1f} {verdict}"
        spread = f"{low / base:5.1f}-{high / base:.1f}"
        yield f"{case.name:32} {middle * 1000:7.1f} {ratio:7.2f}   {spread:11} {goal}".rstrip()


def main(runs: int) -> None:
    """Measure everything in turns and print the table."""
    with throwaway() as server:
        url = server.create_database("bench").sqlalchemy_url()
        migrate = [ALEMBIC, "upgrade", "head"]
        environment = {"DATABASE_URL": url}
        subprocess.run(migrate, cwd=ROOT, env=environment, capture_output=True, check=True)
        all_cases = list(cases(url))
        taken: dict[str, list[float]] = {case.name: [] for case in (PASS, *all_cases)}
        for turn in range(runs + 1):
            for case in all_cases:
                passed, spent = seconds(PASS), seconds(case)
                if turn:  # the first turn compiles bytecode and fills caches
                    taken[PASS.name].append(passed)
                    taken[case.name].append(spent)
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, {runs} turns")
    print("\n".join(report(taken, all_cases)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
