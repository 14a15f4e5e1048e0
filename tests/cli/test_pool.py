"""`dbtool pool` as it is typed: answers, formats, and servers that do not answer."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.scratch.server import Server
from tests.conftest import MAJOR, Ran
from tests.health.conftest import people, small
from tests.health.crowd import Crowd, alone, crowd
from tests.pgbouncer import pgbouncer
from tests.processes import eventually
from tests.proxy import proxy

__all__ = ["people", "small"]

Dbtool = Callable[..., Ran]
USABLE = 15 if MAJOR >= 16 else 17


def url(target: Target) -> str:
    """The target as a user types it."""
    return target.sqlalchemy_url("asyncpg")


def test_the_first_line_answers(dbtool: Dbtool, database: Target, people: Crowd) -> None:
    """How many slots are in use comes first, plain text when piped; then who holds them."""
    people.idle(3, "api")
    ran = dbtool("pool", "--url", url(database))
    first, *rest = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    used, _, words = first.partition(" ")
    assert int(used) >= 3
    assert words.startswith("of 97 usable slots in use (")
    assert any(line.split()[:2] == ["api", "3"] for line in rest)
    assert ran.out.endswith("\n\nno findings\n")
    assert "\x1b" not in ran.out


def test_a_terminal_gets_colour_and_fits_it(
    dbtool: Dbtool, database: Target, people: Crowd
) -> None:
    """On a terminal of 80 columns no line is longer, and the whole report fits 24 lines."""
    people.idle(2, "an application with quite a long name that says where it runs@web1:1")
    ran = dbtool("pool", "--url", url(database), tty=True)
    assert "\x1b[1m" in ran.out
    assert len(ran.out.splitlines()) <= 24
    narrow = dbtool("pool", "--url", url(database), env={"COLUMNS": "60"})
    assert max(len(line) for line in narrow.out.splitlines()) <= 60


def test_json_is_the_pool_itself(dbtool: Dbtool, database: Target) -> None:
    """The envelope holds the dataclass, so that scripts read the same names."""
    ran = dbtool("pool", "--json", "--url", url(database))
    said = json.loads(ran.out)
    assert (ran.code, said["command"], said["findings"], said["unknown"]) == (0, "pool", [], [])
    assert set(said["data"]) == {
        "endpoint",
        "server",
        "rights",
        "slots",
        "groups",
        "idle_transactions",
        "idle_transaction_count",
        "forest",
        "oldest_transaction",
        "ages",
        "limits",
    }
    assert said["data"]["slots"]["usable"] == 97


def test_markdown_to_a_file(
    dbtool: Dbtool, database: Target, people: Crowd, tmp_path: Path
) -> None:
    """A report for a pull request or an incident channel."""
    people.idle(1)
    page = tmp_path / "pool.md"
    ran = dbtool("pool", "--format", "markdown", "-o", page, "--url", url(database))
    assert (ran.code, ran.out) == (0, "")
    assert page.read_text().startswith("## dbtool pool\n\n")
    assert "| application | all |" in page.read_text()


def test_costs_the_login_and_two_round_trips(dbtool: Dbtool, database: Target) -> None:
    """The whole command is one connection with one statement of two round trips."""
    with proxy(database) as through:
        ran = dbtool("pool", "--url", url(through.target))
        (traffic,) = through.connections
    assert ran.code == 0
    assert traffic.after_login == 2


def test_a_plain_role_is_told_what_it_cannot_see(
    dbtool: Dbtool, database: Target, people: Crowd
) -> None:
    """Hidden states are unknown, with the exact grant; unknown fails only when asked to."""
    people.session("api", "BEGIN", "SELECT 1")
    with SyncConnection(database) as admin:
        admin.execute("CREATE ROLE night_shift LOGIN")
    plain = url(replace(database, user="night_shift"))
    ran = dbtool("pool", "--url", plain)
    strict = dbtool("pool", "--url", plain, "--fail-on", "unknown")
    with SyncConnection(database) as admin:
        admin.execute("DROP ROLE night_shift")
    assert (ran.code, strict.code) == (0, 1)
    assert ran.out.startswith("at most ")
    assert "unknown: role night_shift may not see the state of " in ran.out
    assert "    to decide: GRANT pg_monitor TO night_shift\n" in ran.out
    assert ran.out.endswith("\n\nno findings, 1 unknown\n")


def test_a_full_server_is_a_finding_for_who_gets_in_and_an_error_for_who_does_not(
    dbtool: Dbtool, small: Server
) -> None:
    """A superuser sees the cause and exits 1; a plain role learns which tier is gone, exit 3."""
    with alone(small.target()) as admin, crowd(small.target()) as people:
        admin.execute("CREATE ROLE late LOGIN")
        people.idle(USABLE - 1, "api")
        inside = dbtool("pool", "--url", url(small.target()))
        outside = dbtool("pool", "--url", url(replace(small.target(), user="late")))
        admin.execute("DROP ROLE late")
    assert inside.code == 1
    assert (
        f"{USABLE} of {USABLE} usable slots in use (100 %), none free" in inside.out.splitlines()[0]
    )
    assert "few-free-slots" in inside.out
    assert outside.code == 3
    assert outside.out == ""
    assert "slots" in outside.err


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ((), 2, "no database is named"),
        (("--url", "mysql://root@localhost/shop"), 2, "mysql"),
        (("--url", "postgresql://nobody@127.0.0.1:1/shop"), 3, "127.0.0.1:1"),
        (("--fail-on", "never-ever"), 2, "never-ever"),
        (("surplus",), 2, "surplus"),
    ],
)
def test_bad_input(dbtool: Dbtool, given: tuple[str, ...], code: int, said: str) -> None:
    """Each mistake has its message and its exit code, and nothing on stdout."""
    ran = dbtool("pool", *given)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "Traceback" not in ran.err


def _libpq(target: Target) -> str:
    return f"postgresql://{target.user}@/{target.database}?host={target.host}&port={target.port}"


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Stop the server's processes as a stalled host does; the kernel still accepts."""
    with SyncConnection(server.target()) as admin:
        pid = int(admin.fetchval("SELECT pg_read_file('postmaster.pid')").split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_frozen_server_is_given_up_in_time(dbtool: Dbtool, small: Server) -> None:
    """Accepted but never answered: said within the time limit."""
    begin = time.monotonic()
    with frozen(small):
        ran = dbtool("pool", "--url", f"{_libpq(small.target())}&connect_timeout=1")
    assert time.monotonic() - begin < 20
    assert (ran.code, ran.out) == (3, "")
    assert "accepts connections but did not reply within 1 s" in ran.err


def connects(pid: int) -> bool:
    """Whether a process holds a socket; its loop's own two come first."""
    return sum(map(_is_socket, Path(f"/proc/{pid}/fd").iterdir())) > 2


def _is_socket(file: Path) -> bool:
    """A file may be closed between two looks."""
    try:
        return str(file.readlink()).startswith("socket:")
    except FileNotFoundError:
        return False


def test_ctrl_c_while_the_server_hangs(small: Server) -> None:
    """An impatient user is let go at once, with the exit code of an interrupt."""
    program = Path(sys.executable).parent / "dbtool"
    with frozen(small):
        process = subprocess.Popen(
            [program, "pool", "--url", f"{_libpq(small.target())}&connect_timeout=90"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert eventually(lambda: connects(process.pid))
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert time.monotonic() - begin < 20
    assert (process.returncode, out) == (130, "")
    assert err.startswith("error: interrupted")
    assert "Traceback" not in err


def test_ctrl_c_while_the_answer_is_on_its_way(database: Target) -> None:
    """After the login, too, an interrupt ends the command soon although nothing answers."""
    program = Path(sys.executable).parent / "dbtool"
    with proxy(database) as through:
        through.go_silent_at_turn(2)
        process = subprocess.Popen(
            [program, "pool", "--url", url(replace(through.target, sslmode="disable"))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert eventually(lambda: through.turns == 2)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert time.monotonic() - begin < 20
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_options_of_pool_alone_are_not_lost_before_its_commands(dbtool: Dbtool) -> None:
    """What would be for `pool` itself is refused before `budget`, never dropped."""
    ran = dbtool("pool", "--pgbouncer", "postgresql://h/", "budget", "--processes", "2")
    assert (ran.code, ran.out, ran.err) == (
        2,
        "",
        'error: before "budget" --pgbouncer would be for "dbtool pool" alone\n'
        "hint: Write it behind the command, if that takes it: dbtool pool budget --help\n",
    )


def test_a_full_server_is_asked_through_the_login_kept_for_that(
    dbtool: Dbtool, small: Server, tmp_path: Path
) -> None:
    """It is taken only where no slot is free, and only for the same database."""
    target, project = small.target(), tmp_path / "dbtool.toml"
    rescue, late = url(target), url(replace(target, user="late"))
    project.write_text(
        f'url = "{late}"\nrescue_url = "env:RESCUE"\n'
        f'[env.live]\nurl = "{late}"\nrescue_url = "{rescue}"\nproduction = true\n'
        f'[env.astray]\nurl = "{late}"\nrescue_url = "{url(target.with_database("other"))}"\n'
        f'[env.alone]\nurl = "{late}"\n',
        encoding="utf-8",
    )
    with alone(target) as admin, crowd(target) as people:
        admin.execute("CREATE ROLE late LOGIN")
        quiet = dbtool("pool", cwd=tmp_path, env={"RESCUE": "postgresql://nowhere.invalid/x"})
        people.idle(USABLE - 1, "api")
        ran = {
            name: dbtool(*words, "--env", name, cwd=tmp_path)
            for name, words in {
                "live": ("now", "--format", "nagios"),
                "astray": ("pool",),
                "alone": ("locks",),
            }.items()
        }
        unset = dbtool("pool", cwd=tmp_path)
        with pgbouncer(target) as pooler:
            layered = [
                dbtool("pool", "--pgbouncer", url(pooler.console), cwd=tmp_path, env=env)
                for env in ({}, {"RESCUE": rescue})
            ]
        asked = dbtool("pool", cwd=tmp_path, env={"RESCUE": rescue})
        admin.execute("DROP ROLE late")
    assert (quiet.code, "asking as" in quiet.err) == (0, False)
    assert (asked.code, "few-free-slots" in asked.out) == (1, True)
    assert asked.err.endswith(f"; asking as {target.user}\n")
    assert (ran["live"].code, ran["live"].out.startswith("DBTOOL NOW CRITICAL")) == (2, True)
    assert (ran["astray"].code, "so it was not tried" in ran["astray"].err) == (3, True)
    assert (ran["alone"].code, "as rescue_url in the settings" in ran["alone"].err) == (3, True)
    assert (unset.code, "the variable RESCUE is not set" in unset.err) == (3, True)
    assert "As dbtool last saw it, " in unset.err
    assert f"of {USABLE} usable slots were taken" in unset.err
    assert "last saw" not in ran["alone"].err
    assert [("few-free-slots" in each.out) for each in layered] == [False, True]
    assert [("As dbtool last saw it, " in each.out) for each in layered] == [True, False]
    shown = dbtool("config", "--json", cwd=tmp_path, env={"RESCUE": "postgresql://a:s3cret@h/x"})
    assert (shown.code, "s3cret" in shown.out) == (0, False)
