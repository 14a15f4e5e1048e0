"""`dbtool seed` as a user runs it: what it says, where, and with which exit code."""

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dbtool.cli.seed_options import names_of
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.seed.plan import AS_OF
from tests.conftest import Dbtool, Ran
from tests.processes import eventually


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose settings name the reference models."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text('[tool.dbtool]\nmodels = "dbtool.example:Base"\n')
    return root


def shown(text: str) -> str:
    """Output with times and rates put out of the way, and no trailing blanks."""
    text = re.sub(r"\d+\.\d+ s", "N s", text)
    text = re.sub(r"[\d,]+ rows/s", "N rows/s", text)
    text = re.sub(r" \d+\.\d\d$", " 0.00", text, flags=re.MULTILINE)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def users(target: Target) -> int:
    """How many users there are."""
    with SyncConnection(target) as session:
        return int(session.fetchval("SELECT count(*) FROM users"))


RUN = """\
2,714 rows loaded into 12 tables in N s (N rows/s)

table        rows  seconds
categories      8     0.00
roles           8     0.00
tags            8     0.00
users         100     0.00
orders        243     0.00
posts         261     0.00
comments      730     0.00
post_tags     367     0.00
products      100     0.00
order_lines   667     0.00
profiles       84     0.00
user_roles    138     0.00

info: the same rows again: --random-seed 1 --as-of 2026-11-01 (generators of version 2)

next: dbtool seed verify --rows 100 --url 'URL'
"""


def test_bare_seed_runs(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """`dbtool seed` is `dbtool seed run`; the report is stdout, what goes on is stderr."""
    url = migrated.sqlalchemy_url()
    ran = dbtool("seed", "--rows", "100", "--url", url, cwd=project)
    assert shown(ran.out).replace(url, "URL") == RUN
    assert ran.err == "loading 2,714 rows into 12 tables\nanalyzing the tables\n"
    assert ran.code == 0
    again = dbtool(
        "seed", "run", "--rows", "50", "--scale", "2", "--yes", "--url", url, cwd=project
    )
    assert again.code == 0
    assert users(migrated) == 200


def test_json(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """The envelope holds the whole result."""
    ran = dbtool(
        "seed", "--json", "--rows", "20", "--tables", "users,roles", "--url",
        migrated.sqlalchemy_url(), cwd=project,
    )  # fmt: skip
    answer = json.loads(ran.out)
    data = answer["data"]
    assert (answer["schema"], answer["command"], answer["findings"]) == (1, "seed run", [])
    assert [(each["name"], each["rows"]) for each in data["tables"]] == [
        ("roles", 8),
        ("users", 20),
    ]
    assert (data["rows"], data["random_seed"], data["as_of"]) == (28, 1, "2026-11-01")
    assert (data["dry_run"], data["skipped"], data["generator_version"]) == (False, [], 2)


PLAN = """\
12 rows for 1 table, parents first

roles: 12 rows
column       generator  from      sure     detail
id           sequence   identity  certain
name         role       unique    certain
description  text       name      likely
permissions  list       name      likely

info: the same rows again: --random-seed 7 --as-of 2025-06-01 (generators of version 2)

next: dbtool seed run --random-seed 7 --tables roles --as-of 2025-06-01 --url URL
"""


def test_plan(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """Each column with its generator, what decided, and how sure that is; nothing is written."""
    options = ("--tables", "roles", "--random-seed", "7", "--as-of", "2025-06-01")
    ran = dbtool("seed", "plan", *options, "--url", migrated.sqlalchemy_url(), cwd=project)
    said = re.sub(r" +$", "", ran.out, flags=re.MULTILINE)
    assert re.sub(r"--url \S+", "--url URL", said) == PLAN
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    "said",
    [
        ("run", "--rows", "5", "--scale", "2.0", "--tables", "users,roles", "--online"),
        ("run", "--random-seed", "7", "--truncate", "--bulk"),
        ("run", "--rows", "5", "--jobs", "2"),
        ("run", "--top-up"),
        ("reset", "--tables", "roles"),
        ("reset",),
    ],
)
def test_the_command_after_a_dry_run(
    dbtool: Dbtool, project: Path, migrated: Target, said: tuple[str, ...]
) -> None:
    """It is the same one for good: not about other tables, rows or another database."""
    there = ("--url", migrated.sqlalchemy_url())
    ran = dbtool("seed", *said, *there, "--dry-run", cwd=project)
    assert shlex.split(ran.out.rpartition("next: ")[2]) == ["dbtool", "seed", *said, *there]


def test_the_command_after_a_run(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """It verifies against the same plan; how the rows were loaded is nothing to verify."""
    there = ("--url", migrated.sqlalchemy_url())
    said = ("--rows", "40", "--random-seed", "7", "--tables", "users,roles")
    ran = dbtool("seed", "run", *said, *there, "--online", "--truncate", "--yes", cwd=project)
    told = shlex.split(ran.out.rpartition("next: ")[2])
    assert told == ["dbtool", "seed", "verify", *said, *there]
    checked = dbtool(*told[1:], "--fail-on", "unknown", cwd=project)
    assert (checked.code, checked.out.partition(":")[0]) == (0, "all is well")


@pytest.mark.parametrize(
    ("before", "run", "leads"),
    [
        (("--rows", "40"), ("--rows", "40"), False),
        (("--rows", "40"), ("--rows", "80", "--top-up"), True),
        (("--rows", "40"), ("--rows", "40", "--top-up"), True),
        (("--rows", "40"), ("--rows", "40", "--scale", "2.0", "--top-up"), True),
        (("--rows", "80"), ("--rows", "40", "--top-up"), False),
        (("--rows", "40"), ("--rows", "800"), True),
        (("--rows", "80"), ("--rows", "40", "--truncate"), True),
    ],
)
def test_the_command_after_a_run_beside_rows(
    dbtool: Dbtool,
    project: Path,
    migrated: Target,
    before: tuple[str, ...],
    run: tuple[str, ...],
    leads: bool,
) -> None:
    """It is named only where it can tell: rows of several runs are in no plan."""
    there = ("--tables", "users", "--url", migrated.sqlalchemy_url())
    assert dbtool("seed", "run", *before, *there, cwd=project).code == 0
    ran = dbtool("seed", "run", *run, *there, "--yes", cwd=project)
    assert (ran.code, "next: " in ran.out) == (0, leads)
    plan = (*(each for each in run if each not in ("--top-up", "--truncate")), *there)
    if leads:
        assert shlex.split(ran.out.rpartition("next: ")[2]) == ["dbtool", "seed", "verify", *plan]
    checked = dbtool("seed", "verify", *plan, "--fail-on", "unknown", cwd=project)
    assert checked.code == (0 if leads else 1)


def test_plan_as_json(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """All tables, their columns and the fingerprint of the whole."""
    ran = dbtool("seed", "plan", "--json", "--url", migrated.sqlalchemy_url(), cwd=project)
    data = json.loads(ran.out)["data"]
    orders = next(table for table in data["tables"] if table["name"] == "orders")
    assert re.fullmatch("[0-9a-f]{16}", data["fingerprint"])
    assert orders["per"] == "0 to 10 per row of users"
    assert orders["columns"][2] == {
        "name": "customer_id",
        "type": "bigint",
        "generator": "foreign key",
        "source": "foreign key",
        "confidence": "certain",
        "detail": "users: dealt parent by parent",
    }
    assert next(t for t in data["tables"] if t["name"] == "users")["unread_checks"] == [
        "ck_users_email_has_local_part"
    ]


def test_dry_run(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """A sample is loaded and rolled back; the report says what a real run would do."""
    ran = dbtool("seed", "--dry-run", "--url", migrated.sqlalchemy_url(), cwd=project)
    assert ran.code == 0
    assert shown(ran.out).startswith(
        "dry run: a sample of 8,819 rows into 12 tables in N s (N rows/s) was rolled back\n"
    )
    assert "info: a real run loads 28,614 rows in about" in ran.out
    assert users(migrated) == 0


def test_rows_are_there(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """Where nobody can answer it refuses; at a terminal it asks, and no means no."""
    url = migrated.sqlalchemy_url()
    options = ("seed", "--rows", "10", "--tables", "users", "--url", url)
    assert dbtool(*options, cwd=project).code == 0
    refused = dbtool(*options, cwd=project)
    assert refused.code == 2
    assert refused.err.splitlines()[:2] == [
        "info: rows are there already and stay, new ones are added: users",
        "error: this needs a yes, and nobody is there to ask",
    ]
    assert dbtool(*options, cwd=project, tty=True, stdin="n\n").code == 2
    assert users(migrated) == 10
    assert dbtool(*options, cwd=project, tty=True, stdin="y\n").code == 0
    assert users(migrated) == 20


def test_production_is_refused(dbtool: Dbtool, project: Path, migrated: Target) -> None:
    """Not even --yes lets generated rows into production; only the database's name does."""
    with (project / "pyproject.toml").open("a") as file:
        file.write(f'env.live = {{ url = "{migrated.sqlalchemy_url()}", production = true }}\n')
    options = ("seed", "--rows", "10", "--tables", "users", "--env", "live")
    ran = dbtool(*options, "--yes", cwd=project)
    assert ran.code == 2
    assert ran.err.splitlines()[0] == (
        f'error: refused to fill the empty tables of "{migrated.database}"'
    )
    assert ran.err.splitlines()[-1] == (
        f"hint: If you mean it: --confirm-database {migrated.database}"
    )
    wrong = dbtool(*options, "--confirm-database", "other", cwd=project)
    assert (wrong.code, users(migrated)) == (2, 0)
    assert dbtool(*options, "--confirm-database", migrated.database, cwd=project).code == 0
    assert users(migrated) == 10


def error(ran: Ran) -> list[str]:
    """The lines of the error."""
    lines = ran.err.splitlines()
    return lines[next(n for n, line in enumerate(lines) if line.startswith("error:")) :]


def test_errors(dbtool: Dbtool, project: Path, migrated: Target, database: Target) -> None:
    """Each mistake has its exit code, its message and the next step."""
    url = migrated.sqlalchemy_url()
    ran = dbtool("seed", "--url", database.sqlalchemy_url(), cwd=project)
    assert ran.code == 4
    assert error(ran)[0] == "error: no table of the models is there"
    assert error(ran)[-1] == "hint: Run dbtool upgrade first; seeding fills a migrated database."
    ran = dbtool("seed", "--tables", "usrs", "--url", url, cwd=project)
    assert (ran.code, error(ran)) == (
        2,
        ['error: no table "usrs" in the models', "hint: Did you mean users?"],
    )
    ran = dbtool("seed", "--tables", "orders", "--json", "--url", url, cwd=project)
    assert ran.code == 4
    assert json.loads(ran.out)["error"]["message"] == "cannot fill orders"
    for words, message in (
        (("--resume", "--wait-lock", "0"), "error: no interrupted run to resume"),
        (("--wait-lock", "0"), "error: --wait-lock is for --resume"),
    ):
        ran = dbtool("seed", *words, "--url", url, cwd=project)
        assert (ran.code, error(ran)[0]) == (2, message)
    ran = dbtool("seed", cwd=project)
    assert (ran.code, error(ran)[0]) == (2, "error: no database is named")
    (project / "pyproject.toml").write_text('[tool.dbtool]\nmodels = "dbtool.exampel:Base"\n')
    ran = dbtool("seed", "--url", url, cwd=project)
    assert (ran.code, error(ran)[0]) == (2, 'error: module "dbtool.exampel" not found')
    assert error(ran)[-1] == 'hint: Did you mean "dbtool.example"?'
    (project / "pyproject.toml").write_text("[tool.dbtool]\n")
    ran = dbtool("seed", "--url", url, cwd=project)
    assert (ran.code, error(ran)[0]) == (2, "error: no models are named")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--rows", "0"), 'error: invalid value for "--rows": 0 is below 1'),
        (("--rows", "many"), 'error: invalid value for "--rows": "many" is not a whole number'),
        (("--scale", "big"), 'error: invalid value for "--scale": "big" is not a number'),
        (("--scale", "-1"), 'error: invalid value for "--scale": -1 is below 0'),
        (
            ("--random-seed", "x"),
            'error: invalid value for "--random-seed": "x" is not a whole number',
        ),
        (
            ("--as-of", "1.5."),
            'error: invalid value for "--as-of": "1.5." is not a date (YYYY-MM-DD)',
        ),
        (("load",), 'error: no such command "load"'),
    ],
)
def test_command_line_errors(
    dbtool: Dbtool, project: Path, words: tuple[str, ...], said: str
) -> None:
    """A wrong word is a usage error, with or without `run`."""
    ran = dbtool("seed", *words, cwd=project)
    assert (ran.code, ran.err.splitlines()[0]) == (2, said)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("busy", "Did you mean dbtool seed run busy? See dbtool seed --help."),
        ("bussy", "Did you mean dbtool seed run busy? See dbtool seed --help."),
        ("plans", "Did you mean plan or dbtool seed run 'plan b'? See dbtool seed --help."),
        ("xyzzy", "See dbtool seed --help."),
    ],
)
def test_a_scenario_in_place_of_a_command(
    dbtool: Dbtool, project: Path, word: str, hint: str
) -> None:
    """The command that runs it is named, or that of a scenario whose name is near."""
    scenarios = project / "seeds" / "scenarios"
    scenarios.mkdir(parents=True)
    for name in ("busy", "plan b"):
        (scenarios / f"{name}.yaml").write_text("rows: 1\n")
    ran = dbtool("seed", word, cwd=project)
    assert (ran.code, error(ran)) == (2, [f'error: no such command "{word}"', f"hint: {hint}"])


def test_a_word_that_is_no_command_where_the_settings_cannot_be_read(
    dbtool: Dbtool, project: Path
) -> None:
    """What is wrong with the word is told, and not what is wrong with the settings."""
    (project / "pyproject.toml").write_text("[tool.dbtool\n")
    ran = dbtool("seed", "busy", cwd=project)
    assert (ran.code, error(ran)[0]) == (2, 'error: no such command "busy"')


@pytest.mark.parametrize("given", [[""], [" , ", ""]])
def test_an_empty_list_of_tables_is_not_all_of_them(given: list[str]) -> None:
    """What an unset variable leaves behind empties no database."""
    with pytest.raises(UsageError, match="--tables names no table"):
        names_of(given)
    assert names_of(["users, posts", "tags"]) == ("users", "posts", "tags")
    assert names_of(None) == names_of([]) == ()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt(project: Path, migrated: Target, number: signal.Signals) -> None:
    """An interrupt in the middle of a load leaves no row and no session."""
    running = subprocess.Popen(
        [Path(sys.executable).parent / "dbtool", "seed", "--rows", "200000", "--url",
         migrated.sqlalchemy_url()],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert running.stderr is not None
    assert running.stderr.readline().startswith("loading 5,")
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert err == (
        "error: interrupted\ndetail: The transaction is rolled back: no row was loaded.\n"
    )
    with SyncConnection(migrated) as session:
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dbtool seed'"
        left += " AND datname = current_database()"
        assert eventually(lambda: session.fetchval(left) == 0)
    assert users(migrated) == 0


def test_closed_reader(project: Path, migrated: Target) -> None:
    """A reader that goes away is no error, and the rows stay."""
    program = Path(sys.executable).parent / "dbtool"
    script = f'"{program}" seed --rows 20 --url "$0" | true; echo "${{PIPESTATUS[0]}}"'
    ran = subprocess.run(
        ["bash", "-c", script, migrated.sqlalchemy_url()],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "0\n"
    assert users(migrated) == 20


def test_help(dbtool: Dbtool) -> None:
    """The page of the group, and of both commands."""
    group = dbtool("seed", "--help")
    assert group.code == 0
    assert "Without a command: dbtool seed run." in group.out
    assert re.findall(r"^  (run|plan) ", group.out, re.MULTILINE) == ["run", "plan"]
    for command in ("run", "plan"):
        page = dbtool("seed", command, "--help")
        assert page.code == 0
        for option in ("--rows", "--scale", "--random-seed", "--tables", "--as-of", "--url"):
            assert option in page.out
        assert str(AS_OF) in page.out
        assert max(map(len, page.out.splitlines())) <= 80
