"""Two heads after a merge of git: what brought them, and one put behind the other."""

import shutil
import subprocess
from contextlib import chdir
from pathlib import Path

import pytest

from dbtool.database.target import Target
from dbtool.errors import DbtoolError
from dbtool.migrate.heads import Heads, heads_of
from dbtool.migrate.history import history
from dbtool.migrate.location import find
from dbtool.migrate.parent import follows
from dbtool.migrate.project import Project
from dbtool.migrate.rebase import Rebased, rebase
from dbtool.migrate.view_heads import heads
from dbtool.ports import Silent
from tests.conftest import Dbtool
from tests.migrate.conftest import plain
from tests.migrate.projects import Small, small

FIRST, ROOT = "aaaa00000001", "aaaa00000002"
DOC = f'"""mine\r\n\r\nRevision ID: mine\r\nRevises: {ROOT}\r\nCreate Date: 2026\r\n"""'


def git(project: Small, *words: str) -> None:
    """Run git in the project as somebody in particular."""
    named = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    subprocess.run(
        ("git", "-C", str(project.root), *named, *words), check=True, capture_output=True
    )


def opened(project: Small, target: Target | None = None) -> Project:
    """The project as a command opens it in its directory."""
    with chdir(project.root):
        return Project(find(None, None, project.root), root=project.root, target=target)


def apart(project: Small) -> Heads:
    """The heads and what brought them."""
    with chdir(project.root):
        return heads_of(history(opened(project)), project.root)


def moved(project: Small, name: str | None = None, target: Target | None = None) -> Rebased:
    """What the command would change."""
    with chdir(project.root):
        return rebase(opened(project, target), name, None, Silent(), dry_run=True)


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A feature branch of two revisions that merged main, which has another."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    project = small(tmp_path_factory.mktemp("merged") / "project")
    git(project, "init", "-b", "main")
    git(project, "add", "-A")
    git(project, "commit", "-m", "begin")
    git(project, "checkout", "-b", "feature")
    path = project.revision("mine", ROOT, "op.execute('CREATE TABLE m (x int)')")
    text = path.read_text().replace('"""mine does something."""', DOC)
    path.write_bytes(text.replace("down_revision =", "down_revision: str | None =").encode())
    project.revision("later", "mine")
    git(project, "add", "-A")
    git(project, "commit", "-m", "my feature")
    git(project, "checkout", "main")
    project.revision("theirs", ROOT)
    git(project, "add", "-A")
    git(project, "commit", "-m", "their change")
    git(project, "checkout", "feature")
    git(project, "merge", "main", "-m", "merge main")
    return project


def test_heads_name_their_files_and_commits(merged: Small) -> None:
    """Each with the revisions that only it leads to."""
    found = apart(merged)
    assert [(e.revision, e.own, e.follows, e.file) for e in found.heads] == [
        ("later", ("later", "mine"), (ROOT,), "migrations/versions/later.py"),
        ("theirs", ("theirs",), (ROOT,), "migrations/versions/theirs.py"),
    ]
    commits = [each.commit for each in found.heads]
    assert [(e.author, e.subject) for e in commits if e] == [
        ("Ann", "my feature"),
        ("Ann", "their change"),
    ]
    assert [e.title for e in heads(found, "heads").findings] == ["there are 2 heads: later, theirs"]


def test_the_branch_that_is_new_goes_behind_the_other(merged: Small) -> None:
    """By default the one main does not have; its oldest revision changes, by two names."""
    done = moved(merged)
    assert (done.revision, done.onto, done.moved) == ("mine", "theirs", ("later", "mine"))
    changed = [line for line in done.diff.splitlines() if line[:1] in "+-"][2:]
    assert changed == [
        f"-Revises: {ROOT}",
        "+Revises: theirs",
        f"-down_revision: str | None = '{ROOT}'",
        "+down_revision: str | None = 'theirs'",
    ]
    assert not done.written


def test_only_the_two_names_change(merged: Small) -> None:
    """Line ends and everything else stay byte for byte."""
    edit = follows(merged.root / "migrations/versions/mine.py", "theirs")
    assert edit.after == edit.before.replace(ROOT.encode(), b"theirs")
    assert b"Revises: theirs\r\n" in edit.after


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("theirs", "theirs is on main already"),
        (ROOT, f'"{ROOT}" is not a revision of one head alone'),
    ],
)
def test_what_others_may_have_run_stays(merged: Small, name: str, said: str) -> None:
    """A revision on the main branch is nobody's to move."""
    with pytest.raises(DbtoolError, match=said):
        moved(merged, name)


def test_what_a_database_has_run_stays(
    merged: Small, database: Target, dbtool: Dbtool, tmp_path: Path
) -> None:
    """Also through the command, which changes the file where it may."""
    project = Small(shutil.copytree(merged.root, tmp_path / "project"))
    assert moved(project, "mine", database).unproven == ()
    url = ("--url", plain(database))
    assert dbtool("upgrade", "-y", *url, "mine", cwd=project.root).code == 0
    with pytest.raises(DbtoolError, match=f"mine is applied on {database.shown}"):
        moved(project, "mine", database)
    ran = dbtool("revision", "--rebase", cwd=project.root)
    assert (ran.code, ran.out.splitlines()[0]) == (
        0,
        f"migrations/versions/mine.py: mine comes behind theirs, before: {ROOT}",
    )
    assert [each.revision for each in apart(project).heads] == ["later"]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (b"down_revision = ('a', 'b')\n", "not the name of one revision"),
        (b"down_revision = 'a'\ndown_revision = 'b'\n", "2 times"),
        (b"down_revision = before()\n", "not the name of one revision"),
        (b"revision = 'x'\n", "0 times"),
        (b"down_revision = \xff\n", "utf-8"),
    ],
)
def test_a_file_that_says_it_otherwise_is_left_alone(
    tmp_path: Path, source: bytes, why: str
) -> None:
    """What is computed, or said twice, is changed by hand."""
    path = tmp_path / "x.py"
    path.write_bytes(source)
    with pytest.raises(DbtoolError) as raised:
        follows(path, "y")
    assert why in raised.value.detail
    assert path.read_bytes() == source


def test_a_first_revision_is_put_behind_in_its_own_quotes(tmp_path: Path) -> None:
    """None becomes a name, behind a mark of the byte order and a word of two bytes too."""
    path = tmp_path / "x.py"
    path.write_bytes("\ufeffrevision = 'é'; down_revision = None\n".encode())
    assert follows(path, "y").after == "\ufeffrevision = 'é'; down_revision = 'y'\n".encode()


def test_heads_with_labels_of_their_own_are_meant(tmp_path: Path) -> None:
    """Neither they nor histories without a common revision came apart."""
    project = small(tmp_path / "project")
    project.revision("one", ROOT, branch_labels=("expand",))
    project.revision("two", ROOT, branch_labels=("contract",))
    assert apart(project).meant
    assert heads(apart(project), "heads").findings == ()
