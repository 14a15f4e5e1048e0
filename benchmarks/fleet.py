"""One upgrade over many schemas beside a shell loop: `python -m benchmarks.fleet [SCHEMAS]`.

The loop runs `alembic -x tenant=NAME upgrade head` once a schema, as teams do; dbtool leads four
processes. Both upgrade the same history from nothing, then again with nothing to do.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.scratch.server import Server, throwaway
from tests.migrate.projects import small
from tests.migrate.test_fleet import TENANT

BIN = Path(sys.executable).parent
REVISIONS = 5


def url(target: Target) -> str:
    """As both tools read it."""
    return target.sqlalchemy_url("psycopg")


def with_schemas(server: Server, name: str, count: int) -> Target:
    """A database with so many empty schemas."""
    target = server.create_database(name)
    with SyncConnection(target) as connection:
        for number in range(count):
            connection.execute(f"CREATE SCHEMA tenant_{number:04d}")
    return target


def loop(root: Path, target: Target, count: int) -> float:
    """Seconds of the shell loop."""
    ini = root / "alembic.ini"
    ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", url(target)))
    script = (
        f"for n in $(seq -f %04g 0 {count - 1}); do"
        f" {BIN}/alembic -x tenant=tenant_$n upgrade head 2>/dev/null || exit 1; done"
    )
    return timed(["bash", "-c", script], root)


def fleet(root: Path, target: Target) -> float:
    """Seconds of dbtool."""
    words = ("upgrade", "--schemas", "tenant_*", "-x", "tenant={schema}", "--parallel", "4", "-y")
    return timed([str(BIN / "dbtool"), *words, "--url", url(target)], root)


def timed(command: list[str], root: Path) -> float:
    """Wall seconds of a command that has to succeed."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL, env=os.environ)
    return time.perf_counter() - begin


def main(count: int) -> None:
    """Print seconds and ratios."""
    with throwaway() as server, TemporaryDirectory() as directory:
        root = small(Path(directory) / "project", TENANT, REVISIONS).root
        theirs = with_schemas(server, "theirs", count)
        ours = with_schemas(server, "ours", count)
        print(f"{count} schemas, {REVISIONS} revisions: seconds")
        for title in ("from nothing", "nothing to do"):
            slow, fast = loop(root, theirs, count), fleet(root, ours)
            ratio = f"{slow / fast:5.1f} times"
            print(f"{title:16} loop {slow:7.1f}   dbtool {fast:7.1f}   {ratio}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
