"""Each command and option does to a project and a database what plain Alembic's does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.scratch.server import Server
from tests.conftest import MAJOR, Dbtool
from tests.migrate.conftest import Run, plain
from tests.migrate.projects import FROM_CONFIG, INI, Small, small
from tests.processes import eventually, using
from tests.projects.pair import Pair, paired
from tests.projects.runner import Runner
from tests.projects.snapshot import snapshot


@pytest.fixture
def branched(tmp_path: Path) -> Small:
    """A history with labels, a dependency and two more heads."""
    project = small(tmp_path / "ours", revisions=3)
    project.revision(
        "bbbb00000001",
        "aaaa00000001",
        'op.execute("CREATE TABLE b1 (id int)")',
        'op.execute("DROP TABLE b1")',
        branch_labels=("contract",),
    )
    project.revision(
        "cccc00000001",
        None,
        'op.execute("CREATE TABLE c1 (id int)")',
        'op.execute("DROP TABLE c1")',
        branch_labels=("reports",),
        depends_on="aaaa00000002",
    )
    return project


@pytest.fixture
def databases(server: Server, database: Target) -> Iterator[tuple[Target, Target]]:
    """Two empty databases."""
    name = f"{database.database}_alembic"
    yield database, server.create_database(name)
    server.drop_database(name)


@pytest.fixture
def pair(branched: Small, databases: tuple[Target, Target], runner: Runner, tmp_path: Path) -> Pair:
    """Two copies of the branched project."""
    return paired(lambda _: None, tmp_path, databases, runner)


# What stands in the cases of test_surface is not repeated in these lists.
JOURNEYS = {
    "beginning of an id": ["upgrade bbbb"],
    "relative": ["upgrade +1", "upgrade aaaa00000002+1", "downgrade -1"],
    "branch": ["upgrade contract@head", "upgrade reports@head"],
    "branch, relative": ["upgrade contract@+2"],
    "dependency": ["upgrade cccc"],
    "down a branch": ["upgrade heads", "downgrade contract@-1"],
    "down to base of a branch": ["upgrade heads", "downgrade reports@base"],
    "several heads": ["upgrade head"],
    "unknown": ["upgrade nothing_like_it"],
    "not above": ["upgrade heads", "upgrade aaaa00000001"],
    "stamp heads": ["stamp heads"],
    "stamp down": ["upgrade heads", "stamp aaaa00000001"],
    "stamp base": ["upgrade heads", "stamp base"],
    "stamp unknown": ["stamp nothing_like_it"],
}


@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=JOURNEYS.keys())
def test_same_effect_on_the_database(pair: Pair, journey: list[str]) -> None:
    """The database is what plain Alembic makes of it, and success is success."""
    for line in journey:
        ours, theirs = pair.both(*line.split())
        assert (ours.code == 0) == (theirs.code == 0), (ours, theirs)
        assert pair.databases_differ() == []


SCRIPTS = [
    "upgrade aaaa00000001:contract@head --sql",
    "upgrade aaaa00000002:+1 --sql",
    "downgrade aaaa00000003:aaaa00000001 --sql",
    "downgrade aaaa00000003:-1 --sql",
    "stamp aaaa00000001:aaaa00000003 --sql",
]


@pytest.mark.parametrize("line", SCRIPTS)
def test_same_sql(pair: Pair, line: str) -> None:
    """`--sql` prints what Alembic prints, and nothing else."""
    ours, theirs = pair.both(*line.split())
    assert (ours.code, theirs.code) == (0, 0), (ours, theirs)
    assert ours.out == theirs.out
    assert ours.err == ""


REVISIONS = [
    "revision --rev-id n1 --head contract@head",
    "revision --rev-id n1 -m next --head aaaa00000001 --splice",
    "revision --rev-id n1 -m next --head aaaa00000001",
    "revision --rev-id n1 -m next --head base --branch-label fresh",
    "revision --rev-id n1 -m next --head aaaa00000003 --depends-on bbbb --depends-on reports",
    "revision --rev-id n1 -m next --head aaaa00000003 --version-path migrations/versions",
    "revision --rev-id n1 -m next --head aaaa00000003 --version-path elsewhere",
    "revision --rev-id n@1 -m next --head aaaa00000003",
    "revision -m next",
    "merge --rev-id m1 -m join aaaa00000003 bbbb",
    "merge --rev-id m1 -m join --branch-label joined aaaa00000003 contract",
    "merge --rev-id m1 heads",
    "merge --rev-id m1 aaaa00000001 bbbb",
]


@pytest.mark.parametrize("line", REVISIONS)
def test_same_files(pair: Pair, line: str) -> None:
    """A new revision is the file Alembic writes, or is refused where Alembic refuses it."""
    ours, theirs = pair.both(*line.split())
    assert (ours.code == 0) == (theirs.code == 0), (ours, theirs)
    assert pair.files_differ() == []


LISTS = [
    "heads",
    "heads --resolve-dependencies",
    "history",
    "history -r aaaa00000001:contract@head",
    "show contract@head",
    "show cccc",
    "show heads",
]


@pytest.mark.parametrize("line", LISTS)
def test_same_revisions_are_listed(pair: Pair, line: str) -> None:
    """The revisions listed are those Alembic lists."""
    ours, theirs = pair.both(*line.split(), *([] if "show" in line else ["-v"]))
    ran = pair.dbtool(*line.split(), "--json")
    assert (ours.code, theirs.code) == (0, 0), (ours, theirs)
    named = [each["revision"] for each in json.loads(ran.out)["data"]["revisions"]]
    assert named == re.findall(r"^Rev: (\S+)", theirs.out, re.MULTILINE)


def test_current_marks_what_alembic_marks(pair: Pair) -> None:
    """`current`, `history -i` and `show current` after an upgrade of two branches."""
    pair.both("upgrade", "contract@head")
    pair.both("upgrade", "reports@head")
    current, theirs = pair.both("current")
    named = re.findall(r"^(\w{12})", theirs.out, re.MULTILINE)
    for name in named:
        assert name in current.out
    marked, theirs = pair.both("history", "-i")
    ours = [
        line.split()[1 if line[0] in "*|" else 0]
        for line in marked.out.splitlines()
        if "(current" in line.replace("| ", "")
    ]
    assert len(ours) == len(re.findall(r"\(current\)", theirs.out))
    assert pair.both("show", "current")[0].code == 0


def test_check_heads(pair: Pair) -> None:
    """`current --check-heads` fails until every head is applied."""
    for words, code in ((("upgrade", "contract@head"), 1), (("upgrade", "heads"), 0)):
        pair.both(*words)
        ours, theirs = pair.both("current", "--check-heads")
        assert ours.code == code, ours
        assert (theirs.code == 0) == (code == 0)


def test_several_version_locations(dbtool: Dbtool, tmp_path: Path, database: Target) -> None:
    """Revisions in two directories, one of them named for the new one."""
    project = small(tmp_path / "project")
    locations = "version_locations = %(here)s/migrations/versions:%(here)s/more\n"
    project.write("alembic.ini", INI + locations)
    (project.root / "more").mkdir()
    words = ("revision", "--rev-id", "x1", "-m", "x", "--version-path", "more")
    ran = dbtool(*words, cwd=project.root)
    assert (ran.code, ran.out) == (0, "more/x1_x.py written, after aaaa00000002\n")
    assert "x1" in dbtool("heads", cwd=project.root).out
    ran = dbtool("--url", plain(database), "upgrade", cwd=project.root)
    assert ran.code == 0, ran


def test_from_a_subdirectory(dbtool: Dbtool, project: Small, database: Target) -> None:
    """The project is found from below, and its relative paths stay its own."""
    below = project.root / "migrations" / "versions"
    ran = dbtool("--url", plain(database), "upgrade", cwd=below)
    assert ran.code == 0, ran
    assert "2 revisions" in dbtool("history", cwd=below).out


def test_alembic_config_variable(dbtool: Dbtool, project: Small, tmp_path: Path) -> None:
    """ALEMBIC_CONFIG names the configuration, as for Alembic."""
    environment = {"ALEMBIC_CONFIG": str(project.root / "alembic.ini")}
    ran = dbtool("heads", cwd=tmp_path, env=environment)
    assert ran.code == 0, ran


def test_edit_opens_the_file(dbtool: Dbtool, project: Small, tmp_path: Path) -> None:
    """`edit` hands the revision's file to $EDITOR."""
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    editor.chmod(0o755)
    ran = dbtool("edit", "head", cwd=project.root, env={"EDITOR": str(editor)})
    assert (ran.code, ran.out) == (0, ""), ran
    assert Path((tmp_path / "opened").read_text()).name == "aaaa00000002.py"


def test_plan_changes_nothing(dbtool: Dbtool, project: Small, database: Target) -> None:
    """`--plan` and `--dry-run` say what would run; no table is created."""
    for words in (("upgrade", "--plan"), ("upgrade", "--dry-run"), ("upgrade", "+2", "--plan")):
        ran = dbtool("--url", plain(database), *words, cwd=project.root)
        assert ran.out == (
            f"{database.shown} records no revision; 2 revisions would run; lint: nothing found\n"
            "\n"
            "revision      message                       statements  commit\n"
            "aaaa00000001  aaaa00000001 does something.           1  together\n"
            "aaaa00000002  aaaa00000002 does something.           1  together\n"
            "\n"
            f"info: 2 statements judged for PostgreSQL {MAJOR}\n"
            "\n"
            "no findings\n"
        )
    assert snapshot(database) == ("schema public",)


def test_record_of_an_upgrade(dbtool: Dbtool, project: Small, database: Target) -> None:
    """What `--json` says of an upgrade."""
    ran = dbtool("--url", plain(database), "upgrade", "--json", cwd=project.root)
    data = json.loads(ran.out)["data"]
    for step in data["revisions"]:
        assert step.pop("seconds") >= 0
    assert data.pop("waited")["attempts"] == 1
    assert data == {
        "database": database.shown,
        "named_by": "--url",
        "before": [],
        "after": ["aaaa00000002"],
        "revisions": [
            {
                "revision": name,
                "message": f"{name} does something.",
                "file": f"migrations/versions/{name}.py",
                "version_table": "public.alembic_version",
                "statements": 1,
                "rows": 0,
                "attempts": 1,
                "at_locks": 0.0,
            }
            for name in ("aaaa00000001", "aaaa00000002")
        ],
        "stale": [],
        "uncounted": False,
    }


NOISY = """
import atexit, logging, os, subprocess, sys
print("NOISE print")
print("NOISE held back", file=sys.__stdout__)
os.write(1, b"NOISE write\\n")
os.system("echo NOISE child")
subprocess.Popen(["sh", "-c", "sleep 0.3; echo NOISE late child"])
logging.basicConfig(stream=sys.stdout, level=logging.DEBUG)
logging.getLogger("app").warning("NOISE log")
atexit.register(print, "NOISE at exit")
atexit.register(os.system, "echo NOISE child at exit")
"""


@pytest.mark.parametrize(
    "words",
    [
        ("upgrade", "--sql"),
        ("downgrade", "head:base", "--sql"),
        ("stamp", "head", "--sql"),
        ("ensure_version", "--sql"),
        ("upgrade", "--json"),
        ("current", "-x", "run=env.py"),
        ("check",),
        ("upgrade", "--sql", "--from-scratch"),
    ],
    ids=" ".join,
)
def test_prints_and_logs_stay_out_of_the_report(
    dbtool: Dbtool, project: Small, database: Target, words: tuple[str, ...]
) -> None:
    """What env.py, a revision, its imports or a program they start say goes to stderr."""
    project.env(f"{NOISY}\n{FROM_CONFIG}")
    revision = project.revision("aaaa00000003", "aaaa00000002", "print('NOISE in upgrade')")
    revision.write_text(revision.read_text().replace("import op\n", "import op\nimport noisy\n"))
    project.write("noisy.py", "print('NOISE of an import')\n")
    ran = dbtool("--url", plain(database), *words, cwd=project.root)
    assert ran.code in (0, 1), ran
    assert "NOISE" not in ran.out
    for each in ("print", "held back", "write", "child", "log", "at exit", "child at exit"):
        assert f"NOISE {each}\n" in ran.err, each
    # The next command of this process writes to the same file.
    assert eventually(lambda: not using(project.root))


@pytest.mark.parametrize("editor", ["", "vim", "/usr/bin/nano"])
def test_edit_without_a_terminal(dbtool: Dbtool, project: Small, editor: str) -> None:
    """An editor that draws on the terminal is not started into a pipe."""
    ran = dbtool("edit", "head", cwd=project.root, env={"EDITOR": editor} if editor else {})
    named = f"$EDITOR is {editor}." if editor else "$EDITOR is not set."
    assert (ran.code, ran.err) == (
        2,
        "error: this is not a terminal, so no editor was started\n"
        f"detail: {named}\n"
        "hint: Run it at a terminal, or set $EDITOR to an editor with a window of its own.\n",
    )


def test_revision_beside_two_heads(run: Run, project: Small) -> None:
    """The hint is about the new revision, not about an upgrade."""
    project.revision("bbbb00000002", "aaaa00000001")
    ran = run("revision", "-m", "x")
    assert ran.code == 2
    assert "Say which it follows: --head ID; or join them first: dbtool merge heads." in ran.err


def test_revision_that_cannot_be_written(run: Run, project: Small) -> None:
    """The file and the reason are named, and what is to be read apart from what is written."""
    name = "a" * 300
    ran = run("revision", "-m", "x", "--rev-id", name)
    assert ran.code == 4
    assert ran.err == (
        f'error: cannot write "migrations/versions/{name}_x.py"\n'
        "detail: File name too long. No revision was made.\n"
    )
    (project.root / "migrations/script.py.mako").unlink()
    ran = run("revision", "-m", "x")
    assert ran.err.startswith('error: cannot read "migrations/script.py.mako"\n')
    own = ran.err.rpartition("hint: Restore it, or copy Alembic's own: ")[2]
    assert Path(own.strip()).is_file()


def test_revision_of_a_broken_template(run: Run, project: Small) -> None:
    """Alembic shows where a template fails, as by itself, and no revision is made."""
    before = set((project.root / "migrations/versions").glob("*.py"))
    (project.root / "migrations/script.py.mako").write_text('"""${1 / 0}"""\n')
    ran = run("revision", "-m", "x")
    assert ran.code == 2
    shown = re.search(r"\S+\.txt", ran.err)
    assert shown is not None, ran.err
    try:
        assert "ZeroDivisionError: division by zero" in Path(shown[0]).read_text()
    finally:
        Path(shown[0]).unlink()
    assert set((project.root / "migrations/versions").glob("*.py")) == before


def test_revision_without_a_message(run: Run) -> None:
    """A file that says nothing of itself is worth one note."""
    note = "info: the file has no message, in its name or inside; -m MESSAGE would give it one"
    assert [line for line in run("revision").out.splitlines() if "message" in line] == [note]
    assert "no message" not in run("revision", "-m", "x").out


def test_relative_revision_where_the_history_parts(run: Run, project: Small) -> None:
    """Alembic only says that it is ambiguous; the revisions to choose from are named."""
    for name, down in (("bbbb", "aaaa00000002"), ("cccc", "aaaa00000002")):
        project.revision(name, down)
    project.revision("dddd", ("bbbb", "cccc"))
    assert run("upgrade").code == 0
    ran = run("downgrade", "-1", "--yes")
    assert (ran.code, ran.err) == (
        2,
        "error: there is more than one way to go from dddd: it has 2 parents\n"
        "detail: bbbb bbbb does something.\n"
        "        cccc cccc does something.\n"
        "hint: Name the one to go to: bbbb or cccc.\n",
    )
    assert run("downgrade", "aaaa00000002", "--yes").code == 0
    ran = run("upgrade", "+1")
    assert ran.err.startswith(
        "error: there is more than one way to go from aaaa00000002: it has 2 revisions after it\n"
    )


def test_a_step_back_from_several_heads(run: Run, project: Small) -> None:
    """It is Alembic's step; that it chooses is said in our words, with the ways to choose."""
    project.revision("bbbb", "aaaa00000001")
    assert run("upgrade", "heads").code == 0
    plan, ran = run("downgrade", "-1", "--plan"), run("downgrade", "-1", "--yes")
    first, *_ = (line for line in ran.err.splitlines() if line.startswith("info: -1"))
    assert re.fullmatch(
        r"info: -1 does not say from which of 2 recorded revisions: it is (\w+), which comes first;"
        r" to choose, give one of aaaa00000002@-1, bbbb@-1",
        first,
    )
    assert first in plan.err
    assert "Warning" not in plan.err + ran.err
    gone = first.split("it is ")[1].split(",")[0]
    (left,) = {"aaaa00000002", "bbbb"} - {gone}
    assert f"to {left}: 1 revision" in ran.out
    named = run("downgrade", f"{left}@-1", "--yes")
    assert "to aaaa00000001: 1 revision" in named.out


def test_a_step_back_on_a_branch_with_several_heads(run: Run, project: Small) -> None:
    """Alembic asserts that there is one; the recorded revisions to choose from are named."""
    project.revision("cccc", "aaaa00000001", branch_labels=("both",))
    for name in ("dddd", "eeee"):
        project.revision(name, "cccc")
    assert run("upgrade", "heads").code == 0
    ran = run("downgrade", "both@-1", "--yes")
    assert (ran.code, ran.err) == (
        2,
        'error: "both@-1" does not say from which of the recorded revisions\n'
        "detail: More than one of them, or none, is on that branch.\n"
        "hint: Give one of aaaa00000002@-1, dddd@-1, eeee@-1.\n",
    )


@pytest.mark.parametrize("count", [30, pytest.param(1_000, marks=pytest.mark.slow)])
def test_long_history(dbtool: Dbtool, tmp_path: Path, database: Target, count: int) -> None:
    """Many revisions up in one run and down in another, each recorded."""
    project = small(tmp_path / "long", revisions=count)
    for words, left in ((("upgrade",), count), (("downgrade", "base", "--yes"), 0)):
        ran = dbtool("--url", plain(database), *words, cwd=project.root)
        assert ran.code == 0, ran.err
        with SyncConnection(database) as connection:
            found = connection.fetchval(
                "SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]'"
            )
        assert found == left
