"""The way into the program and out of it."""

import importlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
import typer

from dbtool import __version__
from dbtool.cli.command import Call, command
from dbtool.cli.listing import LISTED
from dbtool.cli.program import FAMILIES, program
from tests.cli.conftest import Sample

if TYPE_CHECKING:
    from tests.conftest import Dbtool

PANELS = ("Migrations", "Queries", "Health", "Data", "Set-up")


def pages() -> Iterator[tuple[str, str]]:
    """Every help page as it is printed 80 columns wide, by command."""
    group = program()
    with group.make_context("dbtool", [], resilient_parsing=True, terminal_width=80) as context:
        yield "dbtool", group.get_help(context)
        for name in group.list_commands(context):
            yield from _pages_below(group, name, context)


def _pages_below(group: Any, name: str, context: Any) -> Iterator[tuple[str, str]]:
    _, found, _ = group.resolve_command(context, [name])
    with found.make_context(name, [], parent=context, resilient_parsing=True) as below:
        yield below.command_path, found.get_help(below)
        if hasattr(found, "list_commands"):
            for inner in found.list_commands(below):
                yield from _pages_below(found, inner, below)


def test_version(dbtool: "Dbtool") -> None:
    """`--version` names the version that is installed."""
    ran = dbtool("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"dbtool {__version__}\n", "")
    assert __version__ == version("dbtool-pg")


def test_bare_call_shows_the_help_and_fails(dbtool: "Dbtool") -> None:
    """Without a command the help page is printed, and a script that lost its words fails."""
    bare, asked, short = dbtool(), dbtool("--help"), dbtool("-h")
    assert (bare.code, asked.code, short.code) == (2, 0, 0)
    assert bare.out == asked.out == short.out
    assert bare.err == ""


def test_help_is_grouped_in_order(dbtool: "Dbtool") -> None:
    """The help page lists the commands under the panels, in the order of the work."""
    titles = [
        line[:-1] for line in dbtool("-h").out.splitlines() if line.endswith(":") and line[0] != " "
    ]
    assert titles == ["Options", *(panel for panel in PANELS if panel in titles)]


@pytest.mark.parametrize(
    ("wrong", "right"), [("--jsn", "--json"), ("--ouptut", "--output"), ("--quite", "--quiet")]
)
def test_only_options_that_are_near_are_offered(dbtool: "Dbtool", wrong: str, right: str) -> None:
    """Only options that are spelt alike are offered."""
    ran = dbtool("check", wrong)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        f"error: no such option: {wrong}\nhint: Did you mean {right}? See dbtool check --help.\n"
    )


def test_help_fits_80_columns() -> None:
    """No line of any help page is wider than 80 columns."""
    wide = [(name, line) for name, page in pages() for line in page.split("\n") if len(line) > 80]
    assert wide == []


@pytest.mark.parametrize(
    "env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_plain_help_on_a_terminal(dbtool: "Dbtool", env: dict[str, str]) -> None:
    """A terminal that shows no colour or draws no lines gets the page that a pipe gets."""
    assert dbtool("-h", tty=True, env=env).out == dbtool("-h").out


@pytest.mark.parametrize("width", [80, 50, 20])
@pytest.mark.parametrize(
    "words", [("--help",), ("upgrade", "-h"), ("local",), ("local", "start", "-h")]
)
def test_help_in_panels(dbtool: "Dbtool", words: tuple[str, ...], width: int) -> None:
    """At a terminal each panel is a box as wide as the screen, with the words of the plain page."""
    plain = dbtool(*words, env={"COLUMNS": str(width)}).out
    drawn = dbtool(*words, tty=True, env={"COLUMNS": str(width)}).out
    shown = re.sub(r"\x1b\[[0-9;]*m", "", drawn)
    assert max(map(len, shown.splitlines())) == width
    assert {len(line) for line in shown.splitlines() if line[:1] in set("╭│╰")} == {width}
    titled = re.sub(r"^(\S+):$", r"\1", plain, flags=re.MULTILINE)
    assert re.sub(r"[\s╭╮╰╯│─]+", "", shown) == re.sub(r"\s+", "", titled)


def test_help_beside_and_below(dbtool: "Dbtool") -> None:
    """Texts stand beside their names, and on a narrow screen below them."""
    wide, narrow = (
        re.sub(r"\x1b\[[0-9;]*m", "", dbtool("local", tty=True, env={"COLUMNS": str(width)}).out)
        for width in (80, 50)
    )
    assert wide.endswith(
        "╭─ Commands ───────────────────────────────────────────────────────────────────╮\n"
        "│ start   Start the server; the first start creates it.                        │\n"
        "│ stop    Stop the server and end its sessions; the data stays.                │\n"
        "│ status  Show whether the server runs and where it keeps what.                │\n"
        "│ url     Print the URL of the development database and nothing else.          │\n"
        "│ psql    Open psql on the development database.                               │\n"
        "╰──────────────────────────────────────────────────────────────────────────────╯\n"
    )
    assert (
        "│ stop                                           │\n"
        "│     Stop the server and end its sessions; the  │\n"
        "│     data stays.                                │\n"
    ) in narrow


@pytest.mark.parametrize("family", FAMILIES)
def test_families_hold_what_they_are_said_to_hold(family: str) -> None:
    """The list of commands by family names exactly the commands each family registers."""
    app = typer.Typer()
    importlib.import_module(f"dbtool.cli.{family}").register(app)
    groups = tuple(str(group.name) for group in app.registered_groups)
    commands = tuple(str(each.name) for each in app.registered_commands)
    assert sorted(commands + groups) == sorted(FAMILIES[family])


def test_the_list_says_what_the_commands_say() -> None:
    """The list is kept apart from the commands, which take long to import: both say the same."""
    group = program()
    said: dict[str, dict[str, str]] = {}
    with group.make_context("dbtool", [], resilient_parsing=True) as context:
        for name in group.list_commands(context):
            _, found, _ = group.resolve_command(context, [name])
            if not found.hidden:
                panel = said.setdefault(found.rich_help_panel, {})
                panel[name] = found.get_short_help_str()
    assert said == LISTED


def test_misspelt_command(dbtool: "Dbtool") -> None:
    """A misspelt command is answered with the nearest ones."""
    ran = dbtool("rulse")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        'error: no such command "rulse"\nhint: Did you mean rules? See dbtool --help.\n'
    )


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("version", "--version or revision or ensure-version"),
        ("ensureversion", "ensure-version or --version or revision"),
    ],
)
def test_misspelt_option_of_the_program(dbtool: "Dbtool", wrong: str, meant: str) -> None:
    """What is an option is told as one, and a command once, whatever else it answers to."""
    ran = dbtool(wrong)
    assert ran.err == (
        f'error: no such command "{wrong}"\nhint: Did you mean {meant}? See dbtool --help.\n'
    )


def test_misspelt_option(dbtool: "Dbtool") -> None:
    """A misspelt option is answered with the nearest ones and the page of its command."""
    ran = dbtool("rules", "--jsn")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: no such option: --jsn\nhint: Did you mean --json? See dbtool rules --help.\n"
    )


def test_command_like_nothing(dbtool: "Dbtool") -> None:
    """Where nothing is near, the hint is the help page."""
    assert dbtool("xyzzy").err == 'error: no such command "xyzzy"\nhint: See dbtool --help.\n'


def test_misplaced_url(dbtool: "Dbtool") -> None:
    """A URL where a command should be is answered without its password."""
    ran = dbtool("postgresql://ann:s3cret@db/shop")
    assert ran.err.startswith('error: no such command "postgresql://ann:***@db/shop"\n')


def test_a_usage_error_names_its_command(dbtool: "Dbtool") -> None:
    """Where the command was recognised, its envelope says which one failed."""
    ran = dbtool("local", "start", "--prot", "1", "--json")
    assert (ran.code, json.loads(ran.out)["command"]) == (2, "local start")


@pytest.mark.parametrize("words", [["--json"], ["--format", "json"], ["--format=json"]])
def test_wrong_command_line_as_json(dbtool: "Dbtool", words: list[str]) -> None:
    """A usage error has the envelope of every other error."""
    ran = dbtool("rulse", *words)
    assert json.loads(ran.out) == {
        "schema": 1,
        "command": "",
        "error": {
            "message": 'no such command "rulse"',
            "detail": "",
            "hint": "Did you mean rules? See dbtool --help.",
            "exit": 2,
        },
    }
    assert ran.err.startswith('error: no such command "rulse"\n')


def test_wrong_values(sample: Sample) -> None:
    """A value of the wrong kind and a missing one are told in one line each."""
    wrong = sample.run("options", "--fail-on", "never-ever")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith('error: invalid value for "--fail-on": "never-ever" is not one')
    missing = sample.run("judge")
    assert missing.returncode == 2
    assert missing.stderr.startswith('error: missing argument "SEVERITY"\nhint: See dbtool judge')


def test_options_before_the_command(sample: Sample) -> None:
    """Shared options may stand before the command; the nearer one wins and -x adds up."""
    ran = sample.run(
        *("-c", "a.ini", "-n", "crm", "-x", "tenant=a", "--url", "postgresql://one/a", "--json"),
        *("options", "-x", "tenant=b", "--url", "postgresql://two/b", "--fail-on", "note"),
    )
    assert json.loads(ran.stdout)["data"] == {
        "format": None,
        "json": True,
        "output": None,
        "fail_on": "note",
        "url": "postgresql://two/b",
        "env": None,
        "configs": ["a.ini"],
        "name": "crm",
        "x": ["tenant=a", "tenant=b"],
        "quiet": False,
        "raiseerr": False,
        "wait_db": None,
        "direct": False,
        "wait_lock": None,
        "lock_timeout": None,
        "max_blocking": None,
        "resume": None,
    }


def test_help_names_every_option_that_may_stand_before(dbtool: "Dbtool") -> None:
    """What the program takes before a command and what its help page says are the same."""
    page = dbtool("--help").out
    last = page[page.rindex("\n\n  The options ") :]
    said = re.findall(r"-[-a-z]+", last)
    taken = [each for each in program().params if each.hidden]
    assert said == [min(each.opts, key=len) for each in taken]
    assert {"--wait-lock", "--resume", "--max-blocking", "-c"} <= set(said)
    assert not any(line.endswith("-") for line in last.splitlines())


def test_option_the_command_does_not_take(sample: Sample) -> None:
    """An option before a command that has no use for it is refused rather than ignored."""
    ran = sample.run("--url", "postgresql://one/a", "-x", "a=b", "judge", "note")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        'error: "dbtool judge" takes no --url and no -x\nhint: See dbtool judge --help.\n'
    )


def test_own_option_named_like_a_shared_one() -> None:
    """A command cannot have an own parameter that a shared option would swallow."""

    def body(call: Call, url: str) -> None: ...

    with pytest.raises(TypeError, match="body: url is the name of a shared option"):
        command(typer.Typer(), "Data")(body)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("usage", 2), ("connect", 3), ("operation", 4), ("lock", 5), ("interrupted", 130)],
)
def test_errors_and_their_codes(sample: Sample, kind: str, code: int) -> None:
    """Each error of the tree ends in its own exit code, and is told as PostgreSQL tells its own."""
    ran = sample.run("fail", kind)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert ran.stderr == (
        "error: it went wrong\ndetail: line one\n        line two\nhint: Try again.\n"
    )


def test_error_as_json(sample: Sample) -> None:
    """With --json stdout carries the error, and stderr still tells people."""
    ran = sample.run("--json", "fail", "connect")
    assert json.loads(ran.stdout) == {
        "schema": 1,
        "command": "fail",
        "error": {
            "message": "it went wrong",
            "detail": "line one\nline two",
            "hint": "Try again.",
            "exit": 3,
        },
    }
    assert ran.stderr.startswith("error: it went wrong\n")


@pytest.mark.parametrize(
    ("found", "fail_on", "code"),
    [
        ("error", None, 1),
        ("warning", None, 0),
        ("unknown", None, 0),
        ("note", "note", 1),
        ("warning", "error", 0),
        ("unknown", "unknown", 1),
        ("error", "unknown", 1),
        ("error", "never", 0),
    ],
)
def test_findings_and_fail_on(sample: Sample, found: str, fail_on: str | None, code: int) -> None:
    """Findings at or above --fail-on end in 1; unknown does only where it is asked for."""
    words = ["--fail-on", fail_on] if fail_on else []
    assert sample.run("judge", found, *words).returncode == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(sample: Sample, number: signal.Signals) -> None:
    """Ctrl-C, a termination and a closed terminal end a command the same way."""
    with sample.start("wait") as running:
        assert running.stderr is not None
        assert running.stderr.readline() == "info: waiting\n"
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "error: interrupted\n")


def test_nohup_keeps_running(sample: Sample) -> None:
    """A command started to outlive its terminal is not ended by the hang-up."""
    script = """
        trap '' HUP; said=$(mktemp); "$@" 2>"$said" &
        until [ -s "$said" ]; do sleep 0.05; done
        kill -HUP $!; sleep 0.5; kill -TERM $!; wait $!
        code=$?; cat "$said" >&2; rm "$said"; exit $code
    """
    ran = sample.shell(script, "wait")
    assert ran.returncode == 130
    assert ran.stderr == "info: waiting\nerror: interrupted\n"


def test_bug(sample: Sample) -> None:
    """A bug ends in 70 with all a report needs, and without any password."""
    secret = "s3cret-Pa55"
    ran = sample.run(
        "crash",
        f"no way: postgresql://ann:{secret}@db/shop password={secret} and bare {secret}.",
        env={"PGPASSWORD": secret, "DATABASE_URL": "postgresql://bob:0ther%40one@db/shop"},
    )
    assert (ran.returncode, ran.stdout) == (70, "")
    assert ran.stderr.startswith("error: this is a bug of dbtool; please report what follows\n")
    assert f"dbtool-pg {__version__}, sqlalchemy " in ran.stderr
    assert "Traceback (most recent call last):\n" in ran.stderr
    assert (
        "RuntimeError: no way: postgresql://ann:***@db/shop password=*** and bare ***.\n"
        in ran.stderr
    )
    assert secret not in ran.stderr


def test_bug_as_json(sample: Sample) -> None:
    """A bug too has the envelope, with the report as its detail."""
    ran = sample.run("crash", "boom", "--json")
    error = json.loads(ran.stdout)["error"]
    assert (error["exit"], error["message"][:24]) == (70, "this is a bug of dbtool;")
    assert "RuntimeError: boom" in error["detail"]


def test_broken_pipe_elsewhere_is_no_closed_stdout(sample: Sample) -> None:
    """A lost connection to something else is not taken for a reader that went away."""
    ran = sample.run("broken-pipe")
    assert ran.returncode == 70
    assert "BrokenPipeError" in ran.stderr


def test_module_runs_the_program(sample: Sample) -> None:
    """`python -m dbtool` is `dbtool`."""
    ran = subprocess.run(
        [*sample.words()[:2], "dbtool", "--version"],
        env=sample.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, f"dbtool {__version__}\n")


def test_bare_group_shows_its_help(dbtool: "Dbtool") -> None:
    """A group without a command answers as the bare program does."""
    bare, asked = dbtool("local"), dbtool("local", "--help")
    assert (bare.code, asked.code) == (2, 0)
    assert bare.out == asked.out
    assert os.linesep.join(bare.err.split()) == ""
