"""`dbtool demo` as a newcomer runs it: nothing configured, nothing left behind."""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MAJOR, Dbtool
from tests.processes import eventually, using

pytestmark = pytest.mark.skipif(
    MAJOR != 18, reason="the demonstration takes the newest server it finds, whatever is tested"
)
NAMED = {
    "PGHOST": "10.255.255.1",
    "PGSERVICE": "nowhere",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGTARGETSESSIONATTRS": "standby",
}
"""What libpq would take for the server."""


@pytest.fixture
def empty() -> Iterator[Path]:
    """An empty directory with a short name, below which nothing runs in the end."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as name:
        Path(name).chmod(0o755)  # so that the server's account reaches it
        yield Path(name)
        assert eventually(lambda: not using(Path(name)))


def test_the_main_job(dbtool: Dbtool, empty: Path, tmp_path: Path) -> None:
    """It migrates, seeds, checks and explains, shows a finding with its fix, and leaves nothing.

    No file of the directory is read, and no variable of libpq has a say.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir(mode=0o755)
    (empty / "pyproject.toml").write_text("x = [", encoding="utf-8")
    wrong = {"DATABASE_URL": "not a url", "DBTOOL_ENV": "nowhere", "DBTOOL_FAIL_ON": "note"}
    ran = dbtool("demo", cwd=empty, env={**wrong, **NAMED, "TMPDIR": str(temporary)})
    assert ran.code == 0, ran.err
    for command in ("dbtool upgrade", "dbtool seed", "dbtool pool", "dbtool explain"):
        assert f"$ {command}" in ran.out
    assert re.search(r"\[1\] warning \(measured\): posts: [\d,]+ rows read to keep ", ran.out)
    assert "CREATE INDEX CONCURRENTLY ix_posts_title ON public.posts (title);" in ran.out
    assert "  dbtool demo --keep\n" in ran.out
    assert [each.name for each in empty.iterdir()] == ["pyproject.toml"]
    assert list(temporary.iterdir()) == []


def test_what_is_kept_can_be_played_with(dbtool: Dbtool, empty: Path) -> None:
    """--keep leaves it on the project's local server, and a second one is refused by name.

    One envelope holds each command with its own data, and the finding of the query.
    """
    below = empty / "src"
    below.mkdir()
    (empty / "alembic.ini").touch()
    ran = dbtool("demo", "--keep", "--json", cwd=below, env=NAMED)
    assert ran.code == 0, ran.err
    envelope = json.loads(ran.out)
    steps = envelope["data"]["steps"]
    assert [step["command"].split()[1] for step in steps] == ["upgrade", "seed", "pool", "explain"]
    assert len(steps[0]["result"]["revisions"]) == 14
    assert steps[1]["result"]["rows"] > 100_000
    assert [finding["rule"] for finding in envelope["findings"]] == ["rows-discarded"]
    url = dbtool("local", "url", "demo", cwd=below).out.strip()
    there = {"DATABASE_URL": url}
    count = dbtool(
        "explain", "SELECT count(*) FROM comments WHERE id > 0", "--json", cwd=empty, env=there
    )
    assert count.code == 0, count.err
    again = dbtool("demo", "--keep", cwd=empty)
    assert (again.code, again.out) == (4, "")
    assert 'error: the local server holds a database "demo" already\n' in again.err
    assert dbtool("local", "stop", cwd=empty).code == 0


def interrupted(directory: Path) -> tuple[int, str]:
    """How a demonstration ends that hears Ctrl-C in the middle, and what it says."""
    command = [str(Path(sys.executable).parent / "dbtool"), "demo"]
    with subprocess.Popen(
        command, cwd=directory, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("dbtool seed"):
                process.send_signal(signal.SIGINT)
                break
        _, said = process.communicate(timeout=60)
    return process.returncode, said


def test_interrupted(empty: Path) -> None:
    """Ctrl-C in the middle removes the server and exits 130."""
    code, said = interrupted(empty)
    for _ in range(5):
        if code:
            break
        code, said = interrupted(empty)  # it was done before the signal came
    assert code == 130
    assert "error: interrupted\n" in said
    assert list(empty.iterdir()) == []
