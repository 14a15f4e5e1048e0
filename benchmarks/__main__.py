"""Every benchmark, one after the other: `python -m benchmarks [NAME …]` writes RESULTS.md.

On an otherwise idle machine it takes the better part of an hour. Each figure is what the benchmark
printed, also where dbtool loses; one that breaks off, or misses a goal it ends with, is
there with its exit code and last words.
"""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from dbtool.scratch.binaries import find_binaries

FOLDER = Path(__file__).resolve().parent
NAMES = ("startup", "migrations", "fleet", "lint", "check", "explain", "health", "probe", "seed")
LIBRARIES = ("sqlalchemy", "alembic", "asyncpg", "psycopg", "typer", "postgast")


def results(names: Sequence[str]) -> Iterator[str]:
    """The page, part by part, as each benchmark ends."""
    yield f"# Results\n\nWritten by `python -m benchmarks`. {_machine()}\n"
    for name in names:
        began, before = time.monotonic(), os.getloadavg()[0]
        ran = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            cwd=FOLDER.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        words = ran.stderr.strip()[-400:]
        broken = f"\nIt ended with {ran.returncode}: {words}\n" if ran.returncode else ""
        yield (
            f"\n## {name}\n\n{_purpose(name)} {time.monotonic() - began:.0f} s, begun at load"
            f" {before:.1f}.\n\n```\n{ran.stdout.rstrip()}\n```\n{broken}"
        )


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    server = subprocess.run(
        [find_binaries().path("postgres"), "--version"], capture_output=True, text=True, check=True
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} processors,"
        f" {memory:.0f} GiB, {platform.system()} {platform.release()};"
        f" Python {platform.python_version()}, {server.stdout.strip()}, {libraries}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _purpose(name: str) -> str:
    """The first sentence of a benchmark's description."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    return text.removeprefix('"""').partition(": `python")[0] + "."


def main(asked: Sequence[str]) -> None:
    """Run what is asked for, or everything, and write the page as it grows."""
    if unknown := {*asked} - {*NAMES}:
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    with (FOLDER / "RESULTS.md").open("w", encoding="utf-8") as page:
        for part in results(asked or NAMES):
            page.write(part)
            page.flush()
            print(part, end="", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
