"""The terminal pictures of the README: `python -m tests.captures` takes them anew.

Each is a real run: the reference models, migrated and seeded on a throwaway server, and sessions
that stand in each other's way. Times in them differ from run to run.
"""

import io
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from psycopg import Connection
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from dbtool.database.target import Target
from dbtool.scratch.server import throwaway
from tests.readme import ROOT, WIDTH

PICTURES = ROOT / "docs" / "captures"
DBTOOL = Path(sys.executable).with_name("dbtool")
INDEX = "CREATE INDEX ix_orders_placed_at ON orders (placed_at);\n"
QUERY = (
    "SELECT p.id, u.email FROM posts p JOIN users u ON u.id = p.author_id "
    "WHERE p.title = 'A history of society'"
)
ROLES = """
CREATE ROLE shop LOGIN;
GRANT pg_monitor, pg_signal_backend TO shop;
GRANT ALL ON SCHEMA public TO shop;
"""


def main() -> None:
    """Take every picture."""
    PICTURES.mkdir(exist_ok=True)
    with throwaway() as server, TemporaryDirectory() as directory:
        admin = server.create_database("shop")
        with closing(_session(admin, "set-up")) as session:
            session.execute(ROLES)
        target = replace(admin, user="shop")
        (Path(directory) / "orders.sql").write_text(INDEX, encoding="utf-8")
        show = Camera(Path(directory), target)
        show.run("upgrade", "--yes", cwd=ROOT)
        show.run("seed", "--rows", "20000", "--confirm-database", "shop", cwd=ROOT)
        show.picture("lint", "lint", "orders.sql")
        show.picture("explain", "explain", QUERY)
        with convoy(target):
            show.picture("locks", "locks")


class Camera:
    """Runs commands on a database and keeps what a terminal of 80 columns shows of them."""

    def __init__(self, directory: Path, target: Target) -> None:
        self._directory = directory
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "COLUMNS": str(WIDTH),
            "DATABASE_URL": target.sqlalchemy_url(),
            "DBTOOL_MODELS": "dbtool.example:Base",
        }

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """What a terminal shows of a command."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [DBTOOL, *words],
            cwd=cwd or self._directory,
            env=self._environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as running:
            os.close(theirs)
            shown = b"".join(_pieces(ours))
        if running.returncode > 1:
            raise RuntimeError(shown.decode())
        return shown.decode().replace("\r\n", "\n")

    def picture(self, name: str, *words: str) -> None:
        """Run a command and keep its picture."""
        typed = " ".join(f'"{word}"' if " " in word else word for word in words)
        screen = Console(width=WIDTH, record=True, file=io.StringIO())
        screen.print(Text(f"$ dbtool {typed}\n", style="bold"))
        screen.print(Text.from_ansi(self.run(*words)))
        drawn = screen.export_svg(title="dbtool", theme=MONOKAI, unique_id=name)
        # The reader's own fonts: a picture asks no other server for one.
        drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
        (PICTURES / f"{name}.svg").write_text(drawn, encoding="utf-8")


def _pieces(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):
        while piece := os.read(terminal, 65536):
            yield piece
    os.close(terminal)


@contextmanager
def convoy(target: Target) -> Iterator[None]:
    """A forgotten transaction, an ALTER TABLE that waits for it, and readers behind that."""
    with ExitStack() as open_until_the_end:
        sessions = [
            open_until_the_end.enter_context(closing(_session(target, name)))
            for name in ("worker", "deploy", "web", "web", "web")
        ]
        sessions[0].execute("BEGIN")
        sessions[0].execute("UPDATE orders SET status = status WHERE id = 1")
        for waiting, statement in zip(
            sessions[1:],
            ("ALTER TABLE orders ADD COLUMN note text", *["SELECT count(*) FROM orders"] * 3),
            strict=True,
        ):
            waiting.pgconn.send_query(statement.encode())
            time.sleep(0.5)
        time.sleep(2)
        yield
        for each in sessions[1:]:
            each.cancel_safe()


def _session(target: Target, application: str) -> Connection[tuple[object, ...]]:
    return Connection.connect(
        target.sqlalchemy_url().replace("+asyncpg", ""),
        autocommit=True,
        application_name=application,
    )


if __name__ == "__main__":
    main()
