"""The history of a project, read without executing it, equals the one Alembic finds."""

import json
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import given, settings
from hypothesis import strategies as st

from dbtool.migrate.graph import draw
from dbtool.migrate.history import Revision, heads, history, revision_ids
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from tests.conftest import Dbtool
from tests.migrate.conftest import Run
from tests.migrate.projects import Small, small

Graph = list[tuple[str, tuple[str, ...], tuple[str, ...]]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Revisions with their parents and dependencies, parents before children."""
    found: Graph = []
    for number in range(draw(st.integers(1, 9))):
        known = [name for name, _, _ in found]
        parents = draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else []
        others = [name for name in known if name not in parents]
        depends = draw(st.lists(st.sampled_from(others), max_size=1)) if others else []
        found.append((f"{number:04d}rev", tuple(parents), tuple(depends)))
    return found


def write(graph: Graph, root: Path, straight: bool) -> Small:
    """The graph as a project; as one line where `straight`."""
    project = small(root, revisions=0)
    last = None
    for name, parents, depends in graph:
        down = last if straight else parents if len(parents) > 1 else (*parents, None)[0]
        project.revision(name, down, depends_on=None if straight else depends or None)
        last = name
    return project


@settings(max_examples=60)
@given(graphs(), st.booleans())
def test_history_is_what_alembic_walks(graph: Graph, straight: bool) -> None:
    """Revisions, their order and the heads, for any graph of revisions."""
    with TemporaryDirectory() as directory:
        root = write(graph, Path(directory).resolve(), straight).root
        with chdir(root):
            project = Project(find(None, None, root))
            script = ScriptDirectory.from_config(Config("alembic.ini"))
            walked = [each.revision for each in script.walk_revisions()]
            found = history(project)
            assert [each.revision for each in found.revisions] == walked
            assert list(found.heads) == list(script.get_heads())
            effective = {each.revision for each in script.get_revisions("heads")}
            real = heads(project, resolve_dependencies=True)
            assert {each.revision for each in real.revisions} == effective
            drawn = draw(found.revisions)
            assert len(drawn) == len(walked)
            assert all(line.count("*") == 1 for line in drawn)


def revision(name: str, *down: str) -> Revision:
    """A revision of a drawing."""
    return Revision(name, down, (), (), name, None, f"{name}.py", head=False)


@pytest.mark.parametrize(
    ("revisions", "drawing"),
    [
        ([revision("b", "a"), revision("a")], ["*", "*"]),
        ([revision("c", "a"), revision("b", "a"), revision("a")], ["*", "| *", "*-'"]),
        (
            [revision("m", "b", "c"), revision("c", "a"), revision("b", "a"), revision("a")],
            ["*-.", "| *", "* |", "*-'"],
        ),
        ([revision("b"), revision("a")], ["*", "*"]),
        (
            [revision("d", "a"), revision("c", "a"), revision("b", "a"), revision("a")],
            ["*", "| *", "| | *", "*---'-'".replace("---'-'", "-'-'")],
        ),
    ],
    ids=["line", "branch", "merge", "two bases", "three branches"],
)
def test_drawing(revisions: list[Revision], drawing: list[str]) -> None:
    """Lanes open at merges and close at branch points."""
    assert draw(revisions) == drawing


@pytest.fixture
def branched(tmp_path: Path) -> Small:
    """A history with labels, a dependency and three heads."""
    project = small(tmp_path / "project", revisions=2)
    project.revision("bbbb00000001", "aaaa00000001", branch_labels=("contract",))
    project.revision("cccc00000001", None, branch_labels=("reports",), depends_on="aaaa00000002")
    return project


def test_history_of_branches(dbtool: Dbtool, branched: Small) -> None:
    """The whole page: lanes, heads, labels, dependencies."""
    ran = dbtool("history", cwd=branched.root)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "4 revisions, 3 heads\n"
        "\n"
        "     revision      message\n"
        "*    bbbb00000001  (head, contract) bbbb00000001 does something.\n"
        "| *  cccc00000001  (head, reports, base, depends on aaaa00000002)"
        " cccc00000001 does something.\n"
        "| *  aaaa00000002  (head) aaaa00000002 does something.\n"
        "*-'  aaaa00000001  (base) aaaa00000001 does something.\n"
    )


def test_heads_of_branches(dbtool: Dbtool, branched: Small) -> None:
    """Each head with its label, and the way to join them."""
    ran = dbtool("heads", cwd=branched.root)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "3 heads\n"
        "\n"
        "revision      message\n"
        "aaaa00000002  aaaa00000002 does something.\n"
        "bbbb00000001  (contract) bbbb00000001 does something.\n"
        "cccc00000001  (reports) cccc00000001 does something.\n"
        "\n"
        "aaaa00000002\n"
        "  migrations/versions/aaaa00000002.py\n"
        "  behind aaaa00000001\n"
        "bbbb00000001\n"
        "  migrations/versions/bbbb00000001.py\n"
        "  behind aaaa00000001\n"
        "cccc00000001\n"
        "  migrations/versions/cccc00000001.py\n"
        "  a beginning of its own\n"
        "\n"
        "next:\n"
        "  dbtool revision --rebase REVISION\n"
        "  dbtool merge heads -m MESSAGE\n"
    )


def test_branches(dbtool: Dbtool, branched: Small) -> None:
    """Each branch point with what follows it."""
    ran = dbtool("branches", cwd=branched.root)
    assert ran.out == (
        "1 branch point\n"
        "\n"
        "aaaa00000001 aaaa00000001 does something.\n"
        "  aaaa00000002 aaaa00000002 does something.\n"
        "  bbbb00000001 bbbb00000001 does something.\n"
    )


def test_show(dbtool: Dbtool, branched: Small) -> None:
    """Everything about one revision, found by the beginning of its id."""
    ran = dbtool("show", "bbbb", cwd=branched.root)
    assert ran.out == (
        "bbbb00000001 (head)\n"
        "after   aaaa00000001\n"
        "branch  contract\n"
        "file    migrations/versions/bbbb00000001.py\n"
        "\n"
        "    bbbb00000001 does something.\n"
    )


@pytest.mark.parametrize(
    ("span", "found"),
    [
        ("aaaa00000001:aaaa00000002", ["aaaa00000002", "aaaa00000001"]),
        (":aaaa00000001", ["aaaa00000001"]),
        ("contract@base:contract@head", ["bbbb00000001", "aaaa00000001"]),
    ],
)
def test_ranges(dbtool: Dbtool, branched: Small, span: str, found: list[str]) -> None:
    """The ranges Alembic takes."""
    ran = dbtool("history", f"-r{span}", "--json", cwd=branched.root)
    assert ran.code == 0, ran
    named = json.loads(ran.out)["data"]["revisions"]
    assert [each["revision"] for each in named] == found


def test_wrong_range(dbtool: Dbtool, branched: Small) -> None:
    """A range needs a colon."""
    ran = dbtool("history", "-r", "head", cwd=branched.root)
    assert (ran.code, ran.err) == (
        2,
        'error: "head" is not a range\nhint: Give a:b, a: or :b, for example -r base:head.\n',
    )


def test_empty_history(dbtool: Dbtool, tmp_path: Path) -> None:
    """A project without revisions says what to do."""
    project = small(tmp_path / "project", revisions=0)
    ran = dbtool("history", cwd=project.root)
    assert (ran.code, ran.out) == (0, "no revisions\n\nnext: dbtool revision -m MESSAGE\n")
    assert dbtool("heads", cwd=project.root).out == "no heads\n"


def test_history_executes_nothing(dbtool: Dbtool, branched: Small) -> None:
    """Revisions import applications; their files are read, not run."""
    path = branched.root / "migrations/versions/aaaa00000002.py"
    path.write_text(f"{path.read_text()}\nraise SystemExit('executed')\n")
    for words in (["history"], ["heads"], ["branches"], ["show", "head@contract"]):
        ran = dbtool(*words, cwd=branched.root)
        assert "executed" not in ran.err, words


def test_computed_revision_is_left_to_alembic(dbtool: Dbtool, branched: Small) -> None:
    """A header that is no literal is found all the same."""
    path = branched.root / "migrations/versions/aaaa00000002.py"
    path.write_text(path.read_text().replace("'aaaa00000002'", "'aaaa' + '00000002'"))
    ran = dbtool("heads", cwd=branched.root)
    assert "aaaa00000002" in ran.out


@pytest.mark.parametrize("count", [40, pytest.param(2_000, marks=pytest.mark.slow)])
def test_long_history_at_80_columns(dbtool: Dbtool, tmp_path: Path, count: int) -> None:
    """Many revisions: one line each, none wider than the terminal."""
    project = small(tmp_path / "project", revisions=count)
    for path in (project.root / "migrations/versions").iterdir():
        path.write_text(path.read_text().replace("does something.", "does " + "very " * 20))
    ran = dbtool("history", cwd=project.root, env={"COLUMNS": "80"})
    lines = ran.out.splitlines()
    assert lines[0] == f"{count:,} revisions"
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("aaaa") for line in lines) == count


@pytest.fixture
def completed(branched: Small) -> Callable[..., list[tuple[str, str]]]:
    """The revisions shell completion offers in the project."""
    return lambda *options: revision_ids(branched.root, *options)


def test_completion(
    completed: Callable[..., list[tuple[str, str]]],
    branched: Small,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every id with its message; silence where there is no project."""
    monkeypatch.chdir(branched.root)
    assert completed() == [
        (name, f"{name} does something.")
        for name in ("aaaa00000001", "aaaa00000002", "bbbb00000001", "cccc00000001")
    ]
    monkeypatch.chdir(branched.root.parent)
    assert revision_ids(branched.root.parent) == []


def test_completion_in_the_shell(dbtool: Dbtool, branched: Small) -> None:
    """What bash is given for the beginning of an id."""
    environment = {
        "_DBTOOL_COMPLETE": "complete_bash",
        "COMP_WORDS": "dbtool upgrade bb",
        "COMP_CWORD": "2",
    }
    ran = dbtool(cwd=branched.root, env=environment)
    assert ran.out.split() == ["bbbb00000001"]


def test_completion_imports_no_alembic(dbtool: Dbtool, branched: Small) -> None:
    """Completion must be instant: neither Alembic nor SQLAlchemy nor asyncpg is loaded."""
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from dbtool.migrate.history import revision_ids;"
        "assert len(revision_ids(Path.cwd())) == 4;"
        "print([m for m in ('alembic', 'sqlalchemy', 'asyncpg', 'pydantic') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=branched.root, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def test_pending_is_marked(run: Run) -> None:
    """Asked about a database, the history says which revisions it has not seen."""
    assert run("upgrade", "+1", "-y").code == 0
    for words in (("-i",), ("-r", "base:", "-i")):
        found = run("history", *words)
        assert found.out.splitlines()[0].endswith("is at aaaa00000001, 1 pending")
        assert "(pending, head) aaaa00000002" in found.out
        assert "(current, base) aaaa00000001" in found.out
