"""What is answered without env.py is what env.py would have led to, or nothing is answered."""

import json
from pathlib import Path
from typing import Any

import alembic
import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate import envfile
from dbtool.migrate.envfile import EnvFile
from tests.migrate.conftest import Run, at_rest
from tests.migrate.projects import FROM_CONFIG, Small
from tests.processes import eventually

TEMPLATES = Path(alembic.__file__).parent / "templates"
PLAIN = EnvFile("alembic_version", None, inert=True)
MARK = "print('env.py ran')\n"
CONFIGURE = "context.configure(connection=connection"
COMPUTED = FROM_CONFIG.replace(CONFIGURE, f"{CONFIGURE}, version_table='alembic' + '_version'")


@pytest.mark.parametrize("name", ["async", "generic", "pyproject", "pyproject_async"])
def test_templates_of_alembic_are_understood(name: str) -> None:
    """They use the version table everybody uses, and do nothing else."""
    assert envfile.read(TEMPLATES / name / "env.py", {}) == PLAIN


def test_template_for_several_databases_is_not() -> None:
    """Which database is meant is known to env.py alone."""
    assert envfile.read(TEMPLATES / "multidb/env.py", {}) is None


def said(tmp_path: Path, text: str, **options: object) -> EnvFile | None:
    """What is made of a source."""
    path = tmp_path / "env.py"
    path.write_text(text)
    return envfile.read(path, options)


def test_literal_table_and_schema(tmp_path: Path) -> None:
    """Where each configure() names the same ones, those are it."""
    named = FROM_CONFIG.replace(
        "context.configure(", 'context.configure(version_table="v", version_table_schema="s", '
    )
    assert said(tmp_path, named) == EnvFile("v", "s", inert=True)


OPAQUE = [
    FROM_CONFIG.replace(CONFIGURE, f'{CONFIGURE}, version_table="v"'),
    FROM_CONFIG.replace("context.configure(", "context.configure(version_table=NAME, "),
    FROM_CONFIG.replace("context.configure(", "context.configure(**options, "),
    FROM_CONFIG.replace("context.configure(", "context.configure(starting_rev='a', "),
    FROM_CONFIG.replace("poolclass=pool.NullPool", "connect_args={'options': '-c search_path=a'}"),
    FROM_CONFIG.replace(
        CONFIGURE, f"connection.execute('SET search_path TO a')\n        {CONFIGURE}"
    ),
    FROM_CONFIG.replace(".connect() as", ".connect().execution_options(a=1) as"),
    FROM_CONFIG + "\nconfigure = context.configure\n",
    FROM_CONFIG + "\ncontext = other\n",
    FROM_CONFIG + "\nfrom app import *\n",
    FROM_CONFIG + "\ncontext.config.set_main_option('version_locations', 'a')\n",
    FROM_CONFIG + "\nsetattr(context, 'a', 1)\n",
    FROM_CONFIG + "\nx = context.get_x_argument()\n",
    FROM_CONFIG + "\nother = create_engine('postgresql://')\n",
    FROM_CONFIG.replace("from alembic import context", "from app import context"),
    FROM_CONFIG.replace("engine_from_config(section, poolclass=pool.NullPool)", "engine"),
    "for name in names:\n" + "".join(f"    {line}\n" for line in FROM_CONFIG.splitlines()),
    "def run(url):\n"
    + "".join(f"    {line}\n" for line in FROM_CONFIG.splitlines())
    + "\nrun('a')\nrun('b')\n",
    "this is no Python",
]


@pytest.mark.parametrize("text", OPAQUE)
def test_anything_computed_is_opaque(tmp_path: Path, text: str) -> None:
    """Then env.py itself has to run."""
    assert said(tmp_path, FROM_CONFIG) == PLAIN
    assert said(tmp_path, text) is None


def test_engine_options_in_the_configuration(tmp_path: Path) -> None:
    """They may lead the connection to another schema."""
    assert said(tmp_path, FROM_CONFIG, **{"sqlalchemy.connect_args": "{}"}) is None
    assert said(tmp_path, FROM_CONFIG, **{"sqlalchemy.url": "x", "sqlalchemy.echo": "1"}) == PLAIN


@pytest.mark.parametrize(
    "more",
    [
        "import app\napp.before_migrations()\n",
        "from app import refresh\nrefresh()\n",
        "import subprocess\nsubprocess.run(['true'])\n",
        "import app\nwith app.lock:\n    pass\n",
        "import app\n@app.hook\ndef f():\n    pass\n",
    ],
)
def test_what_a_team_may_rely_on(tmp_path: Path, more: str) -> None:
    """Where the versions are is known, but an upgrade has to run what else is there."""
    assert said(tmp_path, FROM_CONFIG + more) == EnvFile("alembic_version", None, inert=False)


def data(run: Run, *words: str) -> dict[str, Any]:
    """The result of a command as JSON."""
    ran = run(*words, "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)["data"]
    return found


COMMANDS = (("current",), ("upgrade", "-y"), ("history", "-i"), ("status",))


@pytest.mark.parametrize("words", COMMANDS)
def test_equal_answers(run: Run, project: Small, words: tuple[str, ...]) -> None:
    """The shortcut and env.py say the same, to the last field."""
    assert run("upgrade", "-y").code == 0
    project.env(MARK + COMPUTED)
    assert "env.py ran" in run(*words).err
    through_env = data(run, *words)
    project.env(MARK + FROM_CONFIG)
    assert "env.py ran" not in run(*words).err
    assert data(run, *words) == through_env


def test_upgrade_runs_env_where_anything_is_pending(run: Run, project: Small) -> None:
    """Only a database at the heads is told from the files alone."""
    project.env(MARK + FROM_CONFIG)
    assert run("upgrade", "+1", "-y").code == 0
    found = run("upgrade", "-y")
    assert (found.code, "env.py ran" in found.err) == (0, True)
    assert "env.py ran" not in run("upgrade", "-y").err


@pytest.mark.parametrize(
    "words", [("aaaa00000002",), ("head", "-x", "a=b"), ("head", "--tag", "t"), ("head", "--plan")]
)
def test_upgrade_runs_env_where_it_is_told_more(
    run: Run, project: Small, words: tuple[str, ...]
) -> None:
    """What env.py makes of arguments is its own affair."""
    project.env(MARK + FROM_CONFIG)
    assert run("upgrade", "-y").code == 0
    assert "env.py ran" in run("upgrade", "-y", *words).err


def test_two_tables_of_one_name(run: Run, project: Small, database: Target) -> None:
    """Which of them env.py sees is env.py's to say."""
    project.env(MARK + FROM_CONFIG)
    assert run("upgrade", "-y").code == 0
    with SyncConnection(database) as connection:
        connection.execute("CREATE SCHEMA tenant")
        connection.execute("CREATE TABLE tenant.alembic_version (version_num text)")
    for words in COMMANDS:
        assert "env.py ran" in run(*words).err


LISTENER = """
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "connect")
def _(connection, record):
    connection.execute("SET search_path TO svc")
    connection.commit()
"""


def test_a_listener_that_leads_to_another_schema(
    run: Run, project: Small, database: Target
) -> None:
    """What env.py imports may decide where the versions are: another schema is reason to ask."""
    assert run("upgrade", "-y").code == 0
    project.write("listening.py", LISTENER)
    project.env("import listening\n" + FROM_CONFIG)
    with SyncConnection(database) as connection:
        connection.execute("CREATE SCHEMA svc")
        assert run("upgrade", "-y").code == 0
        assert connection.fetchval("SELECT to_regclass('svc.t2') IS NOT NULL")


def test_rows_that_overlap(run: Run, database: Target) -> None:
    """Two revisions are recorded, one of which stands on the other: Alembic has a say in that."""
    assert run("upgrade", "-y").code == 0
    with SyncConnection(database) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('aaaa00000001')")
    ran = run("upgrade", "-y")
    assert ran.code == 2
    assert "overlaps" in ran.err


def test_a_note_on_the_version_table(run: Run, project: Small, database: Target) -> None:
    """What an interrupted run left there is looked at before anything is said to be done."""
    project.env(MARK + FROM_CONFIG)
    assert run("upgrade", "-y").code == 0
    with SyncConnection(database) as connection:
        connection.execute("COMMENT ON TABLE alembic_version IS 'something'")
    assert "env.py ran" in run("upgrade", "-y").err


def test_revision_nobody_has(run: Run, database: Target) -> None:
    """A database ahead of the files is explained, and all else that can be said is said."""
    assert run("upgrade", "-y").code == 0
    with SyncConnection(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffff'")
        assert eventually(lambda: at_rest(connection))
    found = run("upgrade", "-y")
    assert found.code == 4
    assert "revision ffff, which is not among these files" in found.err
    found = run("current")
    assert (found.code, found.err) == (1, "")
    assert f"{database.shown} is at ffff (no file has it)\n" in found.out
    found = run("status")
    assert (found.code, found.err) == (1, "")
    assert "  revision-without-file" in found.out
    assert "other runs         none\n" in found.out
    assert "pending            not known\n" in found.out
    assert run("status", "--fail-on", "never").code == 0
    assert json.loads(run("status", "--json").out)["data"]["standings"][0]["unknown"] == ["ffff"]
