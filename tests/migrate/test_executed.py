"""Which revision files an upgrade executes: those it runs, and those env.py asks for."""

import os
import py_compile
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from dbtool.database.sync import SyncConnection
from dbtool.migrate.executed import execute
from dbtool.migrate.script import read_when_needed
from tests.migrate.conftest import Run, at_rest
from tests.migrate.projects import FROM_CONFIG, Small
from tests.processes import eventually

NAMES = [f"aaaa0000000{number}" for number in (1, 2, 3)]
WALKS = """
from alembic import context
assert all(each.module.upgrade for each in context.script.walk_revisions())
"""


@pytest.fixture
def executed(project: Small) -> Callable[[], list[str]]:
    """Tells which revision files were executed since the last time."""
    log = project.root / "executed"
    project.revision(NAMES[2], NAMES[1])
    for name in NAMES:
        path = project.root / f"migrations/versions/{name}.py"
        noted = f"with open({str(log)!r}, 'a') as log:\n    log.write({name!r} + ' ')\n"
        path.write_text(path.read_text() + noted)

    def names() -> list[str]:
        found = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    return names


def test_those_of_the_plan(
    run: Run, project: Small, executed: Callable[[], list[str]], watch: SyncConnection
) -> None:
    """Up, down and onto a broken file that is not asked for; no bytecode lies about after it."""
    last = project.root / f"migrations/versions/{NAMES[2]}.py"
    whole = last.read_text()
    last.write_text(f"{whole}def (\n")

    def alone(*words: str) -> int:
        """Where the run before is waited for, the next begins anew."""
        assert eventually(lambda: at_rest(watch))
        return run(*words).code

    assert alone("upgrade", "+1") == 0
    assert executed() == NAMES[:1]
    assert alone("upgrade", "+1") == 0
    assert executed() == NAMES[1:2]
    last.write_text(whole)
    assert alone("upgrade") == 0
    assert executed() == NAMES[2:]
    assert alone("downgrade", "-1", "--yes") == 0
    assert set(executed()) == {NAMES[2]}
    assert not list((project.root / "migrations/versions").glob("**/*.pyc"))


def test_those_env_asks_for(run: Run, project: Small, executed: Callable[[], list[str]]) -> None:
    """A team's env.py may look at the module of any revision, and each is executed once."""
    project.env(WALKS + FROM_CONFIG)
    assert run("upgrade", "+1").code == 0
    assert sorted(executed()) == NAMES


def test_one_whose_header_is_computed(
    run: Run, project: Small, executed: Callable[[], list[str]]
) -> None:
    """What it says of itself is known by executing it, as Alembic does."""
    path = project.root / f"migrations/versions/{NAMES[2]}.py"
    path.write_text(path.read_text() + f"down_revision = ''.join(({NAMES[1]!r},))\n")
    assert run("upgrade", "+1").code == 0
    assert executed() == [NAMES[2], NAMES[0]]


def test_same_script_as_alembic(project: Small) -> None:
    """Whatever is asked of a revision, before its file is executed and after."""
    ours, theirs = (ScriptDirectory(project.root / "migrations") for _ in range(2))
    read_when_needed(ours)
    for mine, other in zip(ours.walk_revisions(), theirs.walk_revisions(), strict=True):
        assert "module" not in vars(mine)
        for _ in range(2):
            assert (mine.log_entry, str(mine), mine.path) == (
                other.log_entry,
                str(other),
                other.path,
            )
            assert set(vars(mine.module)) == set(vars(other.module))
            assert mine.module.__name__ == other.module.__name__


def test_bytecode_is_used_and_a_changed_file_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytecode that is there serves until the file changes; a long file gets its own."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    found = path.stat()
    py_compile.compile(str(path))
    path.write_text("x = 2\n")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert execute(path).x == 1
    path.write_text("x = 33\n")
    first, second = execute(path), execute(path)
    assert (first.x, second.x) == (33, 33)
    assert first is not second
    long = tmp_path / "long.py"
    long.write_text("".join(f"name{number} = {number}\n" for number in range(500)))
    assert execute(long).name499 == 499
    assert [each.name[:5] for each in (tmp_path / "__pycache__").glob("long*")] == ["long."]
