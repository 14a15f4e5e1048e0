"""Long histories beside Alembic: `python -m benchmarks.migrations [REVISIONS …]`.

Each pair of commands runs in turn, on the same files and the same database, and the medians of
whole processes are compared. The last history is of revisions that import something heavy, as
those that use the team's models do. Upgrades from nothing run as in a fresh checkout, where no
revision is compiled yet.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from dbtool.database.target import Target
from dbtool.scratch.server import Server, throwaway
from tests.migrate.projects import INI

BIN = Path(sys.executable).parent
ROUNDS = 7
FRESH_ROUNDS = 5
HEAVY = "import decimal, email.message, http.client, sqlite3, unittest.mock, xml.dom.minidom\n"
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "DATABASE_URL")
}
PAIRS = (
    ("heads", "heads", "heads"),
    ("history", "history", "history"),
    ("status | current", "current", "status"),
    ("current", "current", "current"),
    ("upgrade, nothing to do", "upgrade head", "upgrade -y"),
)

ENV = """
from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
engine = engine_from_config(config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


def write(root: Path, target: Target, count: int, imports: str) -> None:
    """A project with a straight history of so many revisions."""
    versions = root / "migrations/versions"
    versions.mkdir(parents=True)
    url = target.sqlalchemy_url("psycopg")
    (root / "alembic.ini").write_text(INI.replace("driver://user:pass@localhost/dbname", url))
    (root / "migrations/env.py").write_text(ENV)
    down = None
    for number in range(count):
        name = f"{number:012x}"
        (versions / f"{name}_change.py").write_text(
            f'"""change {number}\n\nRevision ID: {name}\nRevises: {down or ""}\n'
            f'Create Date: 2026-01-01 00:00:00\n\n"""\n\nfrom alembic import op\n{imports}\n'
            f"revision = {name!r}\ndown_revision = {down!r}\nbranch_labels = None\n"
            "depends_on = None\n\n\ndef upgrade() -> None:\n"
            f'    op.execute("SELECT {number}")\n\n\ndef downgrade() -> None:\n    pass\n'
        )
        down = name


def seconds(command: list[str], root: Path) -> float:
    """Wall seconds of a command that has to succeed."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=root, check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - begin


def compare(root: Path, target: Target) -> list[tuple[str, float, float]]:
    """The medians of each pair of commands, theirs and ours."""
    found = []
    for title, theirs, ours in PAIRS:
        alembic = [str(BIN / "alembic"), *theirs.split()]
        dbtool = [str(BIN / "dbtool"), *ours.split()]
        if ours not in ("heads", "history"):
            dbtool += ["--url", target.sqlalchemy_url("psycopg")]
        for command in (alembic, dbtool):
            seconds(command, root)
        runs = [(seconds(alembic, root), seconds(dbtool, root)) for _ in range(ROUNDS)]
        found.append((title, *(median(each) for each in zip(*runs, strict=True))))
    return found


def whole(command: list[str], root: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a command that has to succeed."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=root, check=True, capture_output=True, env=ENVIRONMENT)
    took, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, sum(after[:2]) - sum(before[:2])


def fresh(server: Server, directory: Path, count: int) -> None:
    """An upgrade of an empty database through so many revisions: wall and client CPU."""
    names = [f"fresh{number}" for number in range(2 * FRESH_ROUNDS)]
    runs: list[list[tuple[float, float]]] = [[], []]
    for number, name in enumerate(names):
        target, root = server.create_database(name), directory / name
        write(root, target, count, "")
        alembic = [str(BIN / "alembic"), "upgrade", "head"]
        dbtool = [str(BIN / "dbtool"), "upgrade", "-y", "--url", target.sqlalchemy_url("psycopg")]
        runs[number % 2].append(whole(dbtool if number % 2 else alembic, root))
    theirs, ours = ([median(each) for each in zip(*some, strict=True)] for some in runs)
    print(f"\nupgrade through {count:,} revisions: s")
    for title, slow, fast in zip(("wall", "client CPU"), theirs, ours, strict=True):
        print(f"  {title:24} alembic {slow:7.2f}   dbtool {fast:7.2f}   {fast / slow:5.2f} of it")


def main(counts: list[int]) -> None:
    """Print milliseconds and ratios, and what one more revision costs us."""
    ours: dict[str, list[float]] = {}
    cases = [(count, "") for count in counts] + [(counts[0], HEAVY)]
    with throwaway() as server, TemporaryDirectory() as directory:
        for place, (count, imports) in enumerate(cases):
            root, target = Path(directory) / str(place), server.create_database(f"db{place}")
            write(root, target, count, imports)
            seconds([str(BIN / "alembic"), "upgrade", "head"], root)
            print(f"\n{count:,} revisions{', with heavy imports' if imports else ''}: ms")
            for title, slow, fast in compare(root, target):
                print(
                    f"  {title:24} alembic {slow * 1000:7.0f}   dbtool {fast * 1000:7.0f}"
                    f"   {slow / fast:5.1f} times"
                )
                ours.setdefault(title, []).append(fast)
        fresh(server, Path(directory), counts[0])
    if len(counts) > 1:
        print("\none more revision costs dbtool: ms")
        for title, found in ours.items():
            per = (found[1] - found[0]) / (counts[1] - counts[0]) * 1000
            print(f"  {title:24} {per:7.3f}")


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [1_000, 3_000])
