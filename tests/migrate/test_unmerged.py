"""Which revisions the main branch lacks: asked of real repositories, in the ways CI leaves them."""

import os
from pathlib import Path

import pytest

from tests.migrate.conftest import Git
from tests.migrate.projects import Small, small
from tests.migrate.reading import Reading, read

pytestmark = pytest.mark.usefixtures("git_installed")


@pytest.fixture
def origin(tmp_path: Path, git: Git) -> Small:
    """A repository whose main branch has the revisions a and b."""
    project = small(tmp_path / "origin", revisions=0)
    project.revision("aaaa", None)
    project.revision("bbbb", "aaaa")
    git(project.root, "init", "-q")
    commit(git, project)
    return project


@pytest.fixture
def clone(origin: Small, tmp_path: Path, git: Git) -> Small:
    """A clone of it, on a branch that adds c and has d, which nobody has committed."""
    git(tmp_path, "clone", "-q", str(origin.root), "clone")
    project = Small(tmp_path / "clone")
    git(project.root, "switch", "-qc", "feature")
    project.revision("cccc", "bbbb")
    commit(git, project)
    project.revision("dddd", "cccc")
    return project


def commit(git: Git, project: Small) -> None:
    """Commit everything."""
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "more")


def told(found: Reading) -> tuple[list[str], str]:
    """What is judged, and why that."""
    return found.judged, found.answer["chosen"]


ORIGIN = "origin's main branch"


def test_branch(clone: Small) -> None:
    """What was committed on the branch, and what was not committed yet."""
    assert told(read(clone.root)) == (["cccc", "dddd"], f"2 revisions that {ORIGIN} does not have")


def test_main_has_gone_on(clone: Small, origin: Small, git: Git) -> None:
    """What main has got since then is compared with where the branch left it."""
    origin.revision("eeee", "bbbb")
    commit(git, origin)
    git(clone.root, "fetch", "-q")
    assert read(clone.root).judged == ["cccc", "dddd"]


def test_nothing_new(clone: Small, git: Git) -> None:
    """On main itself nothing is left to judge."""
    (clone.root / "migrations/versions/dddd.py").unlink()
    git(clone.root, "switch", "-q", "main")
    assert told(read(clone.root)) == ([], f"no revision that {ORIGIN} does not have")


def test_unpushed_on_main(origin: Small, git: Git, tmp_path: Path) -> None:
    """Without a branch of their own commits are new until they are pushed."""
    git(tmp_path, "clone", "-q", str(origin.root), "clone")
    project = Small(tmp_path / "clone")
    project.revision("cccc", "bbbb")
    commit(git, project)
    assert read(project.root).judged == ["cccc"]


def test_renamed_and_edited(clone: Small, git: Git) -> None:
    """A file of another name, in another folder or with another comment is the same revision."""
    versions = clone.root / "migrations/versions"
    (versions / "bbbb.py").rename(versions / "2026_bbbb_renamed.py")
    edited = versions / "2026_bbbb_renamed.py"
    edited.write_text(edited.read_text() + "\n# reworded\n")
    first = versions / "aaaa.py"
    first.write_text(first.read_text() + "\n# reworded\n")
    assert read(clone.root).judged == ["cccc", "dddd"]
    commit(git, clone)
    assert read(clone.root).judged == ["cccc", "dddd"]


def test_other_revision_in_the_same_file(clone: Small) -> None:
    """A file that became another revision is new."""
    path = clone.root / "migrations/versions/bbbb.py"
    path.write_text(path.read_text().replace("'bbbb'", "'bbb2'"))
    child = clone.root / "migrations/versions/cccc.py"
    child.write_text(child.read_text().replace("'bbbb'", "'bbb2'"))
    assert read(clone.root).judged == ["bbb2", "cccc", "dddd"]


def test_computed_names(clone: Small, git: Git) -> None:
    """What main has is also recognised where the file computes other parts of its header."""
    path = clone.root / "migrations/versions/aaaa.py"
    git(clone.root, "switch", "-q", "main")
    path.write_text(path.read_text().replace("depends_on = None", "depends_on = tuple() or None"))
    commit(git, clone)
    git(clone.root, "update-ref", "refs/remotes/origin/main", "main")
    git(clone.root, "switch", "-qc", "other")
    path.rename(path.with_name("renamed.py"))
    (clone.root / "migrations/versions/dddd.py").unlink()
    assert read(clone.root).judged == []


def test_without_origin(clone: Small, git: Git) -> None:
    """The local main branch serves where there is no other."""
    git(clone.root, "remote", "remove", "origin")
    assert told(read(clone.root)) == (["cccc", "dddd"], "2 revisions that main does not have")


@pytest.mark.parametrize("name", ["GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"])
def test_branch_of_a_request(clone: Small, git: Git, name: str) -> None:
    """CI says into which branch this goes, also with a detached HEAD."""
    (clone.root / "migrations/versions/dddd.py").unlink()
    git(clone.root, "push", "-q", "origin", "HEAD:release")
    git(clone.root, "fetch", "-q")
    git(clone.root, "checkout", "-q", "--detach")
    assert read(clone.root).judged == ["cccc"]
    found = read(clone.root, env={name: "release"})
    assert told(found) == ([], "no revision that origin/release does not have")


def test_branch_that_was_not_fetched(clone: Small) -> None:
    """A branch that is named and missing is an error, and no reason to judge everything."""
    found = read(clone.root, env={"GITHUB_BASE_REF": "stable"}).answer
    assert found["error"] == "this clone does not reach back to where it left stable"
    assert "fetch-depth: 0" in found["hint"]


def test_shallow(clone: Small, git: Git, tmp_path: Path) -> None:
    """A clone without a past cannot tell what is new; naming the revisions works all the same."""
    git(clone.root, "push", "-q", "origin", "feature")
    source = (clone.root.parent / "origin").as_uri()
    git(tmp_path, "clone", "-q", "--depth=1", "-b", "feature", source, "shallow")
    found = read(tmp_path / "shallow")
    said = "this clone does not reach back to where it left"
    assert found.answer["error"] == f"{said} the main branch"
    git(tmp_path / "shallow", "fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    found = read(tmp_path / "shallow")
    assert found.answer["error"] == f"{said} main"
    assert read(tmp_path / "shallow", "cccc").judged == ["cccc"]


def test_no_repository(tmp_path: Path) -> None:
    """Without git all revisions are judged, and the answer says why."""
    found = read(small(tmp_path / "bare").root)
    assert told(found) == (found.judged, "all revisions (this is no git repository)")
    assert len(found.judged) == 2


def test_no_git(origin: Small) -> None:
    """Where git is not installed the repository says nothing."""
    found = read(origin.root, env={"PATH": "/nowhere"})
    assert found.answer["chosen"] == "all revisions (git is not installed)"


def test_no_commit(tmp_path: Path, git: Git) -> None:
    """A repository that has just been made has no main branch."""
    project = small(tmp_path / "fresh")
    git(project.root, "init", "-q")
    assert read(project.root).answer["chosen"] == "all revisions (git has no commit yet)"


def test_main_of_another_name(origin: Small, git: Git) -> None:
    """Without a branch that is known for it nobody knows which is the main one."""
    git(origin.root, "branch", "-m", "trunk")
    assert read(origin.root).answer["chosen"] == "all revisions (git knows neither main nor master)"


def test_since_and_branch(clone: Small) -> None:
    """Both leave out what they leave out."""
    found = read(clone.root, since="cccc")
    assert told(found) == (["dddd"], f"1 revision that {ORIGIN} does not have, after cccc")


def test_project_inside_a_repository(origin: Small, git: Git, tmp_path: Path) -> None:
    """The project may be a folder of the repository, with a name that is not ASCII."""
    inside = small(origin.root / "dienste/größe", revisions=0)
    inside.revision("xxxx", None)
    commit(git, origin)
    git(origin.root, "switch", "-qc", "feature")
    inside.revision("yyyy", "xxxx")
    assert read(inside.root).judged == ["yyyy"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_repository_of_somebody_else(clone: Small) -> None:
    """A checkout that git refuses to read, as in containers of CI, is no missing repository."""
    os.chown(clone.root, 65534, 65534)
    found = read(clone.root).answer
    assert found["error"] == "git refuses to read this repository: it belongs to somebody else"
    assert "safe.directory" in found["hint"]
    assert read(clone.root, "cccc").judged == ["cccc"]
