"""Waiting is for servers that come up in a moment, and for nothing else."""

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.database.target import Target
from dbtool.database.waiting import wait_for_server
from dbtool.errors import ConnectError
from dbtool.ports import Silent
from tests.conftest import Dbtool, Ran
from tests.migrate.conftest import plain
from tests.migrate.projects import FROM_CONFIG, small

STARTING = b"SFATAL\0C57P03\0Mthe database system is starting up\0\0"


class Said(Silent):
    """Keeps what the user would have been told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.told = threading.Event()

    def step(self, text: str) -> None:
        """Keep it."""
        self.steps.append(text.partition(": ")[2])
        self.told.set()


@contextmanager
def listening(
    answer: Callable[[socket.socket], None], when: threading.Event | None = None
) -> Iterator[int]:
    """A port that hands each client to `answer`, and begins to listen `when` it is time."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))

        def attend(client: socket.socket) -> None:
            with client:
                answer(client)

        def serve() -> None:
            if when is not None:
                when.wait()
                listener.listen()
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=attend, args=(client,), daemon=True).start()

        if when is None:
            listener.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def forwarding(target: Target) -> Callable[[socket.socket], None]:
    """Answers as the server behind its Unix socket does."""

    def answer(client: socket.socket) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(f"{target.host}/.s.PGSQL.{target.port}")
            back = threading.Thread(target=_pump, args=(server, client))
            back.start()
            _pump(client, server)
            back.join()

    return answer


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def starting(answers: int, then: Callable[[socket.socket], None]) -> Callable[..., None]:
    """Answers so many clients as a server that starts, and later ones as one that has started."""
    left = iter(range(answers))

    def answer(client: socket.socket) -> None:
        if next(left, None) is None:
            then(client)
            return
        client.recv(65536)
        client.sendall(b"E" + struct.pack("!I", len(STARTING) + 4) + STARTING)

    return answer


def at(target: Target, port: int) -> Target:
    """The same database behind another port."""
    return replace(target, host="127.0.0.1", port=port, sslmode="disable", source="test")


def test_server_that_listens_later(database: Target) -> None:
    """Connection refused, then a server: no error, and the reason was said once."""
    said = Said()
    with listening(forwarding(database), said.told) as port:
        wait_for_server(at(database, port), 60, said)
    assert said.steps == [f"no server listens at 127.0.0.1:{port}"]


def test_server_that_is_starting_up(database: Target) -> None:
    """What a starting server answers is waited for, too."""
    said, answer = Said(), starting(3, forwarding(database))
    with listening(answer) as port:
        wait_for_server(at(database, port), 60, said)
    assert said.steps == [f"the server at 127.0.0.1:{port} is starting up"]


def test_proxy_without_a_server_behind_it(database: Target) -> None:
    """A port that accepts and hangs up at once, as a container's does before its server."""
    begun = time.monotonic()

    def answer(client: socket.socket) -> None:
        if time.monotonic() - begun > 0.6:
            forwarding(database)(client)

    with listening(answer) as port:
        wait_for_server(at(database, port), 60, Silent())


def test_name_that_does_not_resolve_yet(database: Target) -> None:
    """DNS of a compose file may come later; at the end it is an error with how long it took."""
    with pytest.raises(ConnectError) as raised:
        wait_for_server(replace(database, host="nowhere.invalid"), 0.3, Silent())
    assert raised.value.detail.endswith("Waited 0.30 s for it.")


@pytest.mark.parametrize("part", ["database", "user"])
def test_what_waiting_does_not_cure(database: Target, part: str) -> None:
    """A missing database or a refused login is told at once."""
    begun = time.monotonic()
    with pytest.raises(ConnectError) as raised:
        wait_for_server(replace(database, **{part: "missing"}), 120, Silent())  # type: ignore[arg-type]
    assert time.monotonic() - begun < 60
    assert "Waited" not in raised.value.detail


def told(when: threading.Event, *words: str, cwd: Path) -> Ran:
    """How a command ends that waits for a server, which begins to listen once that was said."""
    command = [str(Path(sys.executable).parent / "dbtool"), *words, "--wait-db", "60s"]
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if ": no server listens at 127.0.0.1:" in line:
                when.set()
        out = process.stdout.read()
    when.set()
    return Ran(process.returncode, out, said)


def test_command_waits_and_then_runs(database: Target, tmp_path: Path) -> None:
    """`--wait-db` of a migration command, where the database is named and where it is not."""
    project, when = small(tmp_path / "project", FROM_CONFIG), threading.Event()
    with listening(forwarding(database), when) as port:
        words = ("upgrade", "--url", plain(at(database, port)), "--yes")
        ran = told(when, *words, cwd=project.root)
    assert ran.code == 0, ran
    assert f": no server listens at 127.0.0.1:{port}\n" in ran.err
    when.clear()
    with listening(forwarding(database), when) as port:
        own = at(database, port).sqlalchemy_url("psycopg").replace("%", "%%")
        ini = project.root / "alembic.ini"
        ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", own))
        ran = told(when, "current", cwd=project.root)
    assert ran.code == 0, ran
    assert f": no server listens at 127.0.0.1:{port}\n" in ran.err


def test_command_gives_up_with_3(dbtool: Dbtool, tmp_path: Path) -> None:
    """After the time is over the exit code is that of no connection."""
    project = small(tmp_path / "project", FROM_CONFIG)
    words = ("--url", "postgresql://app@127.0.0.1:1/app", "--wait-db", "300ms")
    ran = dbtool("current", *words, cwd=project.root)
    assert (ran.code, ran.out) == (3, "")
    assert "Connection refused. Waited 0.30 s for it.\n" in ran.err
