"""How often a team's env.py runs: once, as with Alembic, unless there is a reason."""

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.guard import Permission
from dbtool.migrate.holder import Holder
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from dbtool.migrate.upgrade import upgrade
from dbtool.scratch.server import Server, throwaway
from dbtool.settings.environments import Environment
from tests.conftest import MAJOR, Dbtool
from tests.migrate.conftest import Run, at_rest, plain, url
from tests.migrate.projects import MIGRATE, Small
from tests.processes import eventually

COUNTED = """
from pathlib import Path
with Path("runs").open("a") as runs:
    runs.write("x")
"""

OWN = f"""
from alembic import context
from sqlalchemy import create_engine
{COUNTED}{MIGRATE}
with create_engine("{{url}}").connect() as connection:
    migrate(connection)
"""

DEFINES = f"""
from alembic import context
from app.base import Base
from sqlalchemy import engine_from_config
from sqlalchemy.orm import mapped_column
{MIGRATE}
class Extra(Base):
    __tablename__ = "extra"
    id = mapped_column(primary_key=True, type_=__import__("sqlalchemy").Integer)

with engine_from_config(context.config.get_section("alembic")).connect() as connection:
    migrate(connection)
"""


@pytest.fixture
def counted(project: Small) -> Callable[[], int]:
    """Counts how often env.py ran since the last time."""
    env = (project.root / "migrations/env.py").read_text()
    project.env(COUNTED + env)

    def runs() -> int:
        path = project.root / "runs"
        seen = len(path.read_text()) if path.exists() else 0
        path.unlink(missing_ok=True)
        return seen

    return runs


@pytest.mark.parametrize(
    "words",
    [
        ("upgrade",),
        ("downgrade", "base", "--yes"),
        ("check",),
        ("stamp", "head"),
        ("upgrade", "--sql"),
        ("show", "current"),
    ],
)
def test_once(
    run: Run, counted: Callable[[], int], watch: SyncConnection, words: tuple[str, ...]
) -> None:
    """Every command runs env.py as often as Alembic does."""
    if words[0] in ("downgrade", "check"):
        run("upgrade")
        counted()
        assert eventually(lambda: at_rest(watch))
    run(*words)
    assert counted() == 1


def test_once_more_to_read_what_would_run(run: Run, counted: Callable[[], int]) -> None:
    """A plan asks the database, and then reads the pending revisions offline; or there are none."""
    run("upgrade", "--plan")
    assert counted() == 2
    run("upgrade")
    counted()
    run("upgrade", "--plan")
    assert counted() == 1


@pytest.mark.parametrize("words", [("heads",), ("history",), ("show", "head"), ("branches",)])
def test_never(run: Run, counted: Callable[[], int], words: tuple[str, ...]) -> None:
    """What is in the files needs no env.py."""
    run(*words)
    assert counted() == 0


def test_once_where_env_names_the_database(
    dbtool: Dbtool, project: Small, database: Target
) -> None:
    """Finding out where env.py goes takes no extra run."""
    project.env(OWN.format(url=url(database)))
    ran = dbtool("upgrade", cwd=project.root)
    assert ran.code == 0, ran
    assert (project.root / "runs").read_text() == "x"


def test_models_defined_in_env(run: Run, project: Small) -> None:
    """An env.py that could not run twice in one process works."""
    project.env(DEFINES)
    project.write(
        "app/base.py",
        "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass\n",
    )
    assert run("upgrade").code == 0


@pytest.fixture(scope="module")
def tunnel() -> object:
    """A server of which nothing proves that it runs for development: reached over TCP."""
    with throwaway(MAJOR, port=0) as server:
        yield server


def test_question_shows_the_plan(
    dbtool: Dbtool, project: Small, tunnel: Server, counted: Callable[[], int]
) -> None:
    """On a production database the plan stands above the question, and no means no."""
    target = tunnel.create_database("guarded")
    project.write("dbtool.toml", f'[env.live]\nurl = "{plain(target)}"\nproduction = true\n')
    try:
        ran = dbtool("--env", "live", "upgrade", cwd=project.root, stdin="n\n", tty=True)
        assert ran.code == 2, ran
        lines = [line.strip() for line in ran.out.splitlines()]
        assert lines[1:7] == [
            f"{target.shown} is at no revision; 2 revisions to run:",
            "aaaa00000001 aaaa00000001 does something.",
            "aaaa00000002 aaaa00000002 does something.",
            "lint: nothing found",
            "",
            '"guarded" is production: dbtool.toml [env.live] is marked production.',
        ]
        assert lines[8].startswith('Upgrade "guarded"? [y/N]')
        assert counted() == 2
        with SyncConnection(target) as connection:
            assert connection.fetchval("SELECT to_regclass('alembic_version')") is None
        ran = dbtool("--env", "live", "upgrade", cwd=project.root, stdin="y\n", tty=True)
        assert ran.code == 0, ran
        assert counted() == 3
        ran = dbtool("--env", "live", "downgrade", "base", "--yes", cwd=project.root)
        assert ran.code == 2, ran
        ran = dbtool(
            *("--env", "live", "downgrade", "base", "--confirm-database", "guarded"),
            cwd=project.root,
        )
        assert ran.code == 0, ran
    finally:
        tunnel.drop_database("guarded")


def test_ci_is_refused_without_yes(
    dbtool: Dbtool, project: Small, tunnel: Server, tmp_path: Path
) -> None:
    """Where nobody can answer, `--yes` is asked for and nothing runs."""
    target = tunnel.create_database("pipeline")
    project.write("dbtool.toml", f'[env.live]\nurl = "{plain(target)}"\nproduction = true\n')
    try:
        ran = dbtool("--env", "live", "upgrade", cwd=project.root)
        assert (ran.code, ran.out) == (2, "")
        assert "--yes" in ran.err
        ran = dbtool("--env", "live", "upgrade", "--yes", cwd=project.root)
        assert ran.code == 0, ran
    finally:
        tunnel.drop_database("pipeline")


@pytest.mark.parametrize("new_revision", [False, True])
def test_plan_that_changed_while_somebody_thought(
    dbtool: Dbtool, project: Small, tunnel: Server, new_revision: bool
) -> None:
    """What another run has done meanwhile is left out; what nobody agreed to is not run."""
    target = tunnel.create_database("raced")

    class Slow:
        """Somebody who thinks until another deploy has run."""

        def confirm(self, question: str) -> bool:
            other = dbtool("--url", plain(target), "upgrade", "+1", "--yes", cwd=project.root)
            if new_revision:
                project.revision("aaaa00000003", "aaaa00000002")
            return "raced" in question and other.code == 0

        def type_name(self, question: str, name: str) -> bool:
            return question == name

    live = Environment("live", production=True, source="[env.live]")
    try:
        with contextlib.chdir(project.root):
            opened = Project(find(None, None, project.root), target=target, marked=lambda _: live)
            if new_revision:
                with pytest.raises(OperationError, match="changed while it was being agreed to"):
                    upgrade(opened, permission=Permission(ask=Slow()))
            else:
                upgrade(opened, permission=Permission(ask=Slow()))
        with SyncConnection(target) as connection:
            stands = connection.fetchval("SELECT version_num FROM alembic_version")
        assert stands == ("aaaa00000001" if new_revision else "aaaa00000002")
    finally:
        tunnel.drop_database("raced")


def test_a_host_that_is_gone(dbtool: Dbtool, project: Small, tunnel: Server) -> None:
    """The server ends both sessions within a minute, though nobody tells it that they ended."""
    settings = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
    asked = ", ".join(f"current_setting('{each}')" for each in (*settings, "tcp_user_timeout"))
    up = f'op.execute("CREATE TABLE kept AS SELECT ARRAY[{asked}] AS settings")'
    project.revision("bbb3", "aaaa00000002", up)
    target = tunnel.create_database("remote")
    try:
        ran = dbtool("--url", plain(target), "upgrade", "--yes", cwd=project.root)
        assert ran.code == 0, ran.err
        with SyncConnection(target) as connection:
            revisions = connection.fetchval("SELECT settings FROM kept")
        holder = Holder(target)
        ours = holder.connection.fetchval(f"SELECT ARRAY[{asked}]")
        holder.close()
        assert revisions == ours == ["20", "10", "4", "60000"]
    finally:
        tunnel.drop_database("remote")


def test_a_run_loads_no_parser() -> None:
    """Few runs read what their statements do; the others do not pay for that."""
    code = "import sys, dbtool.migrate.upgrade; print('postgast' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
