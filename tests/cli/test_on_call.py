"""`dbtool now`, `locks` and `kill` as they are typed, piped, watched and interrupted."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.cli.formats import for_people
from dbtool.cli.now import fitting
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.finding import Certainty, Finding, Severity
from dbtool.report import Report, Table, facts
from dbtool.scratch.server import Server
from tests.conftest import MAJOR, Ran
from tests.health.conftest import people, small
from tests.health.crowd import Crowd, alone, crowd
from tests.health.waiting import waiting

__all__ = ["people", "small"]

Dbtool = Callable[..., Ran]
USABLE = 15 if MAJOR >= 16 else 17
PROGRAM = Path(sys.executable).parent / "dbtool"


def url(target: Target) -> str:
    """The target as a user types it."""
    return target.sqlalchemy_url("asyncpg")


@pytest.fixture
def table(database: Target) -> Target:
    """A database with one table."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int)")
    return database


def test_locks_in_every_format(dbtool: Dbtool, table: Target, people: Crowd) -> None:
    """A tree for people, the forest for programs, a state for monitoring."""
    people.session("api", "BEGIN", "SELECT * FROM t WHERE a = 987654")
    with waiting(table, "ALTER TABLE t ADD b int", "mig"), waiting(table, "SELECT * FROM t"):
        people.session("other").execute("SELECT pg_sleep(1.1)")
        plain, narrow = (
            dbtool("locks", "--url", url(table), env={"COLUMNS": columns})
            for columns in ("80", "40")
        )
        screen = dbtool("locks", "--url", url(table), tty=True)
        machine = dbtool("locks", "--json", "--url", url(table))
        page = dbtool("locks", "--format", "markdown", "--url", url(table))
        alarm = dbtool("locks", "--format", "nagios", "--url", url(table))
    assert (plain.code, machine.code, page.code, alarm.code) == (1, 1, 1, 2)
    assert plain.out.startswith("2 sessions wait for locks, up to ")
    assert max(map(len, plain.out.splitlines())) <= 80
    assert max(map(len, narrow.out.splitlines())) <= 40
    assert " since; commands need the same --url\n" in plain.out
    assert "└─ " in screen.out
    assert len(screen.out.splitlines()) <= 24
    assert "\x1b" not in plain.out
    said = json.loads(machine.out)["data"]["forest"]
    assert (said["waiters"], len(said["nodes"])) == (2, 3)
    assert alarm.out.startswith("DBTOOL LOCKS CRITICAL - 2 sessions wait for locks, up to ")
    assert "987654" not in plain.out + machine.out + page.out + alarm.out


def test_values_are_shown_only_where_they_are_asked_for(
    dbtool: Dbtool, table: Target, people: Crowd
) -> None:
    """Of each command that shows statements, and never with a control character."""
    people.session("api", "BEGIN", "SELECT * FROM t WHERE a = 987654 AND '\x1b[2J' = ''")
    with waiting(table, "ALTER TABLE t ADD b int -- 987654", "mig"):
        for words in (("locks",), ("now", "--json"), ("pool", "--json"), ("top", "--ash")):
            command = (*words, "--url", url(table))
            masked, full = dbtool(*command), dbtool(*command, "--show-literals")
            assert ("987654" in masked.out, "987654" in full.out) == (False, True), words
            assert "\x1b" not in full.out


def test_quiet_servers_exit_0(dbtool: Dbtool, database: Target) -> None:
    """Nobody waits and nothing is wrong: both say so."""
    locks = dbtool("locks", "--url", url(database))
    now = dbtool("now", "--url", url(database))
    assert (locks.code, locks.out) == (0, "nobody waits for a lock\n\nno findings\n")
    assert (now.code, now.err) == (0, "")
    assert now.out.startswith("nothing wrong: ")


def test_now_for_monitoring(dbtool: Dbtool, database: Target) -> None:
    """The numbers of the pool and the locks, in both dialects."""
    nagios = dbtool("now", "--format", "nagios", "--url", url(database))
    prometheus = dbtool("now", "--format", "prometheus", "--url", url(database))
    assert nagios.code == 0
    assert nagios.out.startswith("DBTOOL NOW OK - nothing wrong: ")
    assert " | 'connections'=" in nagios.out
    assert 'dbtool_up{command="now"} 1\n' in prometheus.out
    assert "\ndbtool_connections_usable 97\n" in prometheus.out


def test_a_full_server(dbtool: Dbtool, small: Server) -> None:
    """Who gets in is told the arithmetic, who does not the tier; both are critical."""
    with alone(small.target()) as admin, crowd(small.target()) as people:
        admin.execute("CREATE ROLE late_now LOGIN")
        people.idle(USABLE - 1, "api")
        late = url(replace(small.target(), user="late_now"))
        inside = dbtool("now", "--format", "nagios", "--url", url(small.target()))
        shown = dbtool("now", "--url", url(small.target()))
        outside = dbtool("now", "--format", "nagios", "--url", late)
        refused = dbtool("locks", "--url", late)
        admin.execute("DROP ROLE late_now")
    assert (inside.code, outside.code, shown.code, refused.code) == (2, 2, 1, 3)
    assert inside.out.startswith("DBTOOL NOW CRITICAL - act now: no slot is free: all ")
    assert "usable: 20 max_connections - 3 for superusers" in shown.out
    assert f"taken by api {USABLE - 1}" in shown.out
    assert f"\nnext: dbtool pool --url '{url(small.target())}'\n" in shown.out
    assert outside.out.startswith("DBTOOL NOW CRITICAL - ")
    assert "slots" in outside.out


def test_watching_is_one_connection_and_one_line_for_each_look(database: Target) -> None:
    """JSON Lines until Ctrl-C, which ends it at once with its own code."""
    process = subprocess.Popen(
        [PROGRAM, "now", "--watch", "0.5s", "--json", "--url", url(database)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert process.stdout is not None
    looks = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    groups = [each for look in looks for each in look["data"]["pool"]["groups"]]
    assert not [each for each in groups if each["database"] == database.database]
    assert {look["command"] for look in looks} == {"now"}


def test_the_file_keeps_the_last_look(database: Target, tmp_path: Path) -> None:
    """Each look replaces the one before; Ctrl-C does not put its own words in their place."""
    file = tmp_path / "look.json"
    words: list[str | Path] = ["--watch", "0.5s", "--json", "--output", file]
    process = subprocess.Popen(
        [PROGRAM, "now", *words, "--url", url(database)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    until, looks = time.monotonic() + 60, set[str]()
    while len(looks) < 2 and time.monotonic() < until:
        looks |= {file.read_text(encoding="utf-8")} if file.exists() else set()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130
    assert json.loads(file.read_text(encoding="utf-8"))["data"]["pool"]


def test_a_screen_is_redrawn_in_place(database: Target) -> None:
    """Each look begins at the top of a cleared screen, and none is taller than that."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (8, 80))
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "80"}
    command: list[str | Path] = [PROGRAM, "now", "--watch", "0.5s", "--url", url(database)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen, until = b"", time.monotonic() + 60
        while seen.count(b"\x1b[H\x1b[2J") < 2 and time.monotonic() < until:
            if select.select([ours], [], [], 0.2)[0]:
                seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    os.close(ours)
    assert seen.count(b"\x1b[H\x1b[2J") >= 2
    look = seen.split(b"\x1b[H\x1b[2J")[1]
    assert b"nothing wrong" in look
    assert b"slots" in look
    assert look.count(b"\n") < 8


def test_a_command_that_is_never_broken_takes_several_lines_of_a_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last of the vital signs go first; verdict and command stay."""
    monkeypatch.setenv("COLUMNS", "80")
    signs = facts((str(number), "well") for number in range(5))
    report = Report(command="now", data=None, headline="act", next=("x" * 200,), below=(signs,))
    assert fitting(report, 11) == report
    (cut,) = fitting(report, 10).below
    assert isinstance(cut, Table)
    assert cut.rows == signs.rows[:4]
    assert fitting(report, 2) == replace(report, below=())
    wrong = Finding(rule="x", severity=Severity.ERROR, title="it is", certainty=Certainty.MEASURED)
    bad = replace(report, findings=(wrong,), judged=True)
    assert "1 error" in for_people(fitting(bad, 40))
    assert "findings" not in for_people(fitting(bad, 2))


def test_kill_asks_at_a_terminal_and_refuses_without_one(
    dbtool: Dbtool, table: Target, people: Crowd
) -> None:
    """The victim stands above the question; --dry-run and --yes need no terminal."""
    pid = people.session("api", "BEGIN", "SELECT * FROM t").fetchval("SELECT pg_backend_pid()")
    words = ("kill", str(pid), "--force", "--url", url(table))
    piped = dbtool(*words)
    dry = dbtool(*words, "--dry-run", "--json")
    said_no = dbtool(*words, tty=True, stdin="n\n")
    said_yes = dbtool(*words, tty=True, stdin="y\n")
    again = dbtool(*words, "--yes")
    assert [ran.code for ran in (piped, dry, said_no, said_yes, again)] == [2, 0, 2, 0, 4]
    assert f"about to terminate pid {pid} (api, role postgres)" in piped.err
    assert "--yes" in piped.err
    data = json.loads(dry.out)["data"]
    assert data["command"] == f"dbtool kill {pid} --force"
    assert (data["done"], data["signal"], data["victim"]["session"]["pid"]) == (
        False,
        "terminate",
        pid,
    )
    assert "not confirmed; nothing was done" in said_no.out
    assert f"terminated pid {pid} (api, role postgres) in " in said_yes.out
    assert "audit: 2" in said_yes.out
    assert f"no session has pid {pid}" in again.err


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("now", "--watch", "0.1s"), 2, "--watch needs at least 0.5s"),
        (("now", "--watch", "soon"), 2, "soon"),
        (("now",), 2, "no database is named"),
        (("locks", "--url", "postgresql://nobody@127.0.0.1:1/shop"), 3, "127.0.0.1:1"),
        (("kill",), 2, "PID"),
        (("kill", "0"), 2, "0 is not the id of a process"),
        (("kill", "7", "--cancel", "--terminate"), 2, "not both"),
    ],
)
def test_bad_input(dbtool: Dbtool, given: tuple[str, ...], code: int, said: str) -> None:
    """Each mistake has its message and its exit code, and nothing on stdout."""
    ran = dbtool(*given)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
