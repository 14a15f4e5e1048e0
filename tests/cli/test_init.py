"""`dbtool init` as a user types it, and whether what it writes works at once."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dbtool.database.target import Target
from dbtool.migrate.environment import load
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from tests.conftest import ROOT, Dbtool
from tests.migrate.projects import FROM_CONFIG, small
from tests.projects.build import plain_url
from tests.projects.runner import Ran, Runner

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
class Base(DeclarativeBase): ...
class Pet(Base):
    __tablename__ = "pets"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
COMPARING = FROM_CONFIG.replace(
    "(connection=connection", "(connection=connection, target_metadata=target_metadata"
)
ADOPTED = f"from shop.models import Base\ntarget_metadata = Base.metadata\n{COMPARING}"
PYPROJECT = '# the shop\n[project]\nname = "shop"\nversion = "1.0"\n'
NEXT = """
next:
  dbtool local start
  export DATABASE_URL="$(dbtool local url)"
  dbtool revision --autogenerate -m "first tables"
  dbtool upgrade
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project as `uv init` leaves it: a pyproject.toml and git."""
    root = tmp_path / "shop"
    (root / ".git").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    return root


def written(root: Path) -> set[str]:
    """The files of a project, without what Python leaves behind."""
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


Alembic = Callable[..., Ran]


@pytest.fixture
def alembic(runner: Runner, shop: Path, database: Target) -> Alembic:
    """Runs plain Alembic as the project's people do."""
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": plain_url(database)}
    return lambda *words: runner("alembic", *words, cwd=shop, env=environment)


def test_begins_a_project(dbtool: Dbtool, shop: Path) -> None:
    """A new project gets models, an environment, settings and an ignored directory."""
    ran = dbtool("init", "--yes", cwd=shop)
    assert (ran.code, ran.err) == (0, "")
    files = "models.py, pyproject.toml, migrations/env.py, migrations/script.py.mako, .gitignore"
    assert ran.out.startswith(f"wrote {files}\n")
    assert '+models = "models:Base"' in ran.out
    assert ran.out.endswith(NEXT)
    assert (shop / "pyproject.toml").read_text() == PYPROJECT + (
        "\n[tool.alembic]\n"
        'script_location = "%(here)s/migrations"\n'
        'prepend_sys_path = ["%(here)s"]\n'
        'file_template = "%%(year)d_%%(month).2d_%%(day).2d_%%(rev)s_%%(slug)s"\n'
        "\n[tool.dbtool]\n"
        "# What dbtool must know of this project; `dbtool config` shows every setting.\n"
        'models = "models:Base"\n'
    )
    assert (shop / ".gitignore").read_text() == ".dbtool/\n"
    assert (shop / "migrations/versions").is_dir()


@pytest.mark.parametrize("configured_by", ["pyproject.toml", "alembic.ini"])
def test_what_it_writes_works(
    dbtool: Dbtool, shop: Path, database: Target, alembic: Alembic, configured_by: str
) -> None:
    """init, revision --autogenerate, upgrade: the tables are there and nothing drifts."""
    if configured_by == "alembic.ini":
        (shop / "pyproject.toml").unlink()
    environment = {"DATABASE_URL": plain_url(database)}
    assert dbtool("init", "--yes", cwd=shop, env=environment).code == 0
    for words in (["revision", "--autogenerate", "-m", "first tables"], ["upgrade"], ["check"]):
        ran = dbtool(*words, cwd=shop, env=environment)
        assert ran.code == 0, ran
    assert alembic("check").code == 0
    assert "(head)" in alembic("current").out
    (revision,) = (shop / "migrations/versions").glob("*_first_tables.py")
    assert "op.f('uq_users_email')" in revision.read_text()


def test_what_it_says_to_type_next_works(dbtool: Dbtool, shop: Path) -> None:
    """The commands under "next" run as they stand, on a local server of the project's own."""
    ran = dbtool("init", "--yes", cwd=shop)
    commands = [line.strip() for line in ran.out.partition("next:\n")[2].splitlines()]
    home = shop.parent / "home"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        typed = subprocess.run(
            ["bash", "-ec", "\n".join([*commands, "dbtool check"])],
            cwd=shop,
            env={"PATH": path, "HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        dbtool("local", "stop", cwd=shop)
    assert typed.returncode == 0, typed
    assert "no findings" in typed.stdout


@pytest.mark.parametrize("configured_by", ["pyproject.toml", "alembic.ini"])
def test_what_it_writes_works_with_alembic_alone(
    dbtool: Dbtool, shop: Path, alembic: Alembic, configured_by: str
) -> None:
    """A colleague without dbtool runs the same environment with plain Alembic."""
    if configured_by == "alembic.ini":
        (shop / "pyproject.toml").unlink()
    assert dbtool("init", "--yes", cwd=shop).code == 0
    for words in (
        ["revision", "--autogenerate", "-m", "first tables"],
        ["upgrade", "head"],
        ["check"],
        ["downgrade", "base"],
        ["upgrade", "head", "--sql"],
    ):
        ran = alembic(*words)
        assert ran.code == 0, ran
    assert "CREATE TABLE users" in ran.out
    missing = subprocess.run(
        [sys.executable, "-m", "alembic", "current"],
        cwd=shop,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    advice = "set DATABASE_URL, or run it through dbtool, which reads .env"
    assert f"no database is named: {advice}" in missing.stdout + missing.stderr


def with_our_cache() -> tuple[str, ...]:
    """Options with which mypy shares what it learns of libraries with the checks of this code."""
    checked_here = Path(sys.prefix) == ROOT / ".venv"
    cache = ROOT / ".mypy_cache" if checked_here else os.devnull
    return "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache)


def test_files_pass_the_usual_checks(dbtool: Dbtool, shop: Path) -> None:
    """What is written is formatted, linted and typed as a team would want it."""
    assert dbtool("init", "--yes", cwd=shop).code == 0
    for words in (
        ["ruff", "format", "--check", "--isolated", "."],
        ["ruff", "check", "--isolated", "--select", "E,F,W,I,B,UP,SIM,D1", "."],
        ["mypy", "--strict", *with_our_cache(), "models.py", "migrations/env.py"],
    ):
        ran = subprocess.run(
            [sys.executable, "-m", *words], cwd=shop, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout


def test_second_run_changes_nothing(dbtool: Dbtool, shop: Path) -> None:
    """Running it again finds everything in place."""
    dbtool("init", "--yes", cwd=shop)
    before = {name: (shop / name).read_bytes() for name in written(shop)}
    ran = dbtool("init", "--yes", cwd=shop)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "nothing to do: the project is set up")
    assert ran.out.endswith(NEXT)
    assert {name: (shop / name).read_bytes() for name in written(shop)} == before


def test_dry_run_writes_nothing(dbtool: Dbtool, shop: Path) -> None:
    """--dry-run shows the diffs and leaves the project as it is."""
    ran = dbtool("init", "--dry-run", cwd=shop)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("would write models.py, pyproject.toml, ")
    assert '+models = "models:Base"\n' in ran.out
    assert written(shop) == {"pyproject.toml"}


def test_nobody_to_ask(dbtool: Dbtool, shop: Path) -> None:
    """Without a terminal and without --yes it shows the diff and refuses."""
    ran = dbtool("init", cwd=shop)
    assert ran.code == 2
    assert "+++ b/migrations/env.py\n" in ran.out
    assert ran.err == (
        "error: this needs a yes, and nobody is there to ask\n"
        "detail: Write 5 files? [y/N]\n"
        "hint: Run it at a terminal, or give --yes.\n"
    )
    assert written(shop) == {"pyproject.toml"}


@pytest.mark.parametrize(("answer", "expected"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_asks_at_a_terminal(dbtool: Dbtool, shop: Path, answer: str, expected: bool) -> None:
    """The diff is on the screen before the question; only a yes writes."""
    ran = dbtool("init", cwd=shop, tty=True, stdin=answer)
    assert ran.code == 0
    shown, _, after = ran.out.partition("Write 5 files? [y/N] ")
    assert '+models = "models:Base"' in shown
    assert ("wrote models.py" in after) is expected
    assert ("nothing was written" in after) is not expected
    assert ((shop / "models.py").exists()) is expected


def test_json(dbtool: Dbtool, shop: Path) -> None:
    """--json prints one envelope with every file and its diff."""
    ran = dbtool("init", "--dry-run", "--json", cwd=shop)
    data = json.loads(ran.out)["data"]
    assert {key: data[key] for key in ("mode", "state", "directory", "models", "tables")} == {
        "mode": "create",
        "state": "proposed",
        "directory": "migrations",
        "models": ["models:Base"],
        "tables": None,
    }
    assert [(each["path"], each["action"]) for each in data["files"]] == [
        ("models.py", "create"),
        ("pyproject.toml", "change"),
        ("migrations/env.py", "create"),
        ("migrations/script.py.mako", "create"),
        (".gitignore", "create"),
    ]


@pytest.mark.parametrize("name", ["generic", "async", "multidb", "pyproject", "pyproject_async"])
def test_templates_of_alembic(dbtool: Dbtool, shop: Path, name: str) -> None:
    """--template writes what `alembic init` writes, with the models wired in."""
    (shop / "models.py").write_text(
        "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n"
        "class Base(DeclarativeBase): ...\n"
        "class A(Base):\n"
        '    __tablename__ = "a"\n'
        "    id: Mapped[int] = mapped_column(primary_key=True)\n"
    )
    ran = dbtool("init", "--template", name, "--yes", cwd=shop)
    assert ran.code == 0, ran
    assert {"alembic.ini", "migrations/env.py", "migrations/README"} <= written(shop)
    env = (shop / "migrations/env.py").read_text()
    assert ("target_metadata = Base.metadata" in env) is (name != "multidb")
    assert ("[tool.alembic]" in (shop / "pyproject.toml").read_text()) is ("pyproject" in name)
    again = dbtool("init", cwd=shop)
    assert again.out.startswith("nothing to do"), again


def test_template_works(dbtool: Dbtool, shop: Path, database: Target) -> None:
    """Alembic's async template works with dbtool's URL though its own is a placeholder."""
    environment = {"DATABASE_URL": plain_url(database)}
    assert dbtool("init", "-t", "async", "--yes", cwd=shop, env=environment).code == 0
    for words in (["revision", "--autogenerate", "-m", "first tables"], ["upgrade"], ["check"]):
        ran = dbtool(*words, cwd=shop, env=environment)
        assert ran.code == 0, ran


def test_sqlmodel(dbtool: Dbtool, shop: Path, alembic: Alembic) -> None:
    """SQLModel projects get an env.py that registers their tables, and the import they need."""
    (shop / "app").mkdir()
    (shop / "app/__init__.py").touch()
    (shop / "app/models.py").write_text(
        "from sqlmodel import Field, SQLModel\n\n\n"
        "class Hero(SQLModel, table=True):\n"
        "    id: int | None = Field(default=None, primary_key=True)\n"
        "    name: str\n"
    )
    ran = dbtool("init", "--yes", cwd=shop)
    assert ran.code == 0, ran
    assert "app.models:SQLModel has no naming convention" in ran.out
    for words in (["revision", "--autogenerate", "-m", "heroes"], ["upgrade", "head"], ["check"]):
        done = alembic(*words)
        assert done.code == 0, done
    (revision,) = (shop / "migrations/versions").glob("*_heroes.py")
    assert "import sqlmodel\n" in revision.read_text()


def test_models_below_src(dbtool: Dbtool, shop: Path, alembic: Alembic) -> None:
    """A src layout that nobody installed works: imports begin at src."""
    (shop / "src/shop").mkdir(parents=True)
    (shop / "src/shop/__init__.py").touch()
    (shop / "src/shop/tables.py").write_text(
        "import sqlalchemy as sa\n"
        "metadata = sa.MetaData()\n"
        'a = sa.Table("a", metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
    )
    ran = dbtool("init", "./db", "--yes", cwd=shop)
    assert ran.code == 0, ran
    assert "shop.tables:metadata  found in the code, 1 table" in ran.out
    for words in (["revision", "--autogenerate", "-m", "a"], ["upgrade", "head"], ["check"]):
        done = alembic(*words)
        assert done.code == 0, done


def test_adopting_a_src_layout(dbtool: Dbtool, shop: Path, database: Target) -> None:
    """What init finds below src, every other command finds too, installed or not."""
    project = small(shop, ADOPTED, revisions=0)
    project.write("src/shop/__init__.py", "")
    project.write("src/shop/models.py", MODELS)
    adopted = dbtool("init", "--yes", cwd=shop)
    assert adopted.code == 0, adopted
    assert "shop.models:Base  target_metadata in env.py, 1 table" in adopted.out
    variables = {"DATABASE_URL": plain_url(database)}
    for words in (["revision", "--autogenerate", "-m", "pets"], ["upgrade"], ["check"], ["seed"]):
        ran = dbtool(*words, cwd=shop, env=variables)
        assert ran.code == 0, ran
    shown = dbtool("config", cwd=shop, env=variables).out
    assert "\nimports from  the root and src/, which holds packages\n" in shown


def test_a_project_that_python_m_alembic_runs(dbtool: Dbtool, shop: Path, database: Target) -> None:
    """Without prepend_sys_path env.py finds its application as it does there."""
    project = small(shop, ADOPTED, revisions=1)
    project.write("shop/__init__.py", "")
    project.write("shop/models.py", MODELS)
    ini = shop / "alembic.ini"
    ini.write_text(ini.read_text().replace("prepend_sys_path = .\n", ""))
    ran = dbtool("upgrade", cwd=shop, env={"DATABASE_URL": plain_url(database)})
    assert ran.code == 0, ran


@pytest.mark.parametrize("prepended", [".", "src", "src:."])
def test_what_prepend_sys_path_names_comes_first(
    shop: Path, monkeypatch: pytest.MonkeyPatch, prepended: str
) -> None:
    """As with Alembic: an older release that is installed too would be taken for the project."""
    project = small(shop, ADOPTED, revisions=0)
    project.write("src/shop/models.py", MODELS)
    ini = shop / "alembic.ini"
    ini.write_text(ini.read_text().replace("sys_path = .", f"sys_path = {prepended}"))
    monkeypatch.chdir(shop)
    monkeypatch.setattr(sys, "path", ["/installed"])
    for _ in range(2):
        load(Project(find(None, None, shop), root=shop), ("heads",))
        named = [str((shop / each).absolute()) for each in prepended.split(":")]
        assert sys.path[: len(named) + 1] == [*named, "/installed"]
        assert len(set(sys.path)) == len(sys.path) == 3


def test_directory_and_models_by_name(dbtool: Dbtool, shop: Path) -> None:
    """A directory and a models setting that were given are used as they are."""
    (shop / "tables.py").write_text("import sqlalchemy as sa\nall_tables = sa.MetaData()\n")
    ran = dbtool("init", "db/history", "--models", "tables:all_tables", "--yes", cwd=shop)
    assert ran.code == 0, ran
    assert (shop / "db/history/env.py").exists()
    assert 'models = "tables:all_tables"' in (shop / "pyproject.toml").read_text()
    assert "no table is registered" in ran.out


def test_nothing_is_written_unseen(dbtool: Dbtool, shop: Path) -> None:
    """Where the diff would go elsewhere than to the screen, there is no question to answer."""
    for words in (["--json"], ["-o", "report.txt"]):
        ran = dbtool("init", *words, cwd=shop, tty=True, stdin="y\n")
        assert ran.code == 2
        assert "would not be on the screen" in ran.out
    assert written(shop) == {"pyproject.toml"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["/srv/migrations"], '"/srv/migrations" is outside the project'),
        (["../migrations"], '"../migrations" is outside the project'),
        (["--models", "app/models.py"], '--models "app/models.py" is no name of models'),
        (["--template", "asnyc"], 'Alembic has no template "asnyc"'),
    ],
)
def test_bad_words(dbtool: Dbtool, shop: Path, words: list[str], message: str) -> None:
    """What makes no sense is refused before anything is looked at."""
    ran = dbtool("init", "--yes", *words, cwd=shop)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"error: {message}\n")
    assert written(shop) == {"pyproject.toml"}


def test_project_that_cannot_be_written(dbtool: Dbtool, shop: Path) -> None:
    """A file in the place of a directory stops it, and the message says how far it came."""
    (shop / "migrations").write_text("in the way\n")
    ran = dbtool("init", "--yes", cwd=shop)
    assert ran.code in (2, 4), ran
    assert "migrations" in ran.err
    assert "Traceback" not in ran.err
    assert (shop / "migrations").read_text() == "in the way\n"


def test_invalid_toml(dbtool: Dbtool, shop: Path) -> None:
    """A pyproject.toml that does not parse is named, and nothing is written."""
    (shop / "pyproject.toml").write_text("[project\n")
    ran = dbtool("init", "--yes", cwd=shop)
    assert ran.code == 2
    assert "pyproject.toml" in ran.err
    assert "not valid TOML" in ran.err
    assert written(shop) == {"pyproject.toml"}
