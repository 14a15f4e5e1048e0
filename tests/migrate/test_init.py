"""What `dbtool init` reads out of a project's code, and what it proposes to write."""

import sys
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.migrate.init import Proposal, Wishes, look, propose, write
from dbtool.migrate.init.change import Change
from dbtool.migrate.init.change import write as write_files
from dbtool.migrate.init.check import Checked, check
from dbtool.migrate.init.draft import appended_table
from dbtool.migrate.init.models import find_models
from dbtool.migrate.init.view import View
from tests.projects.build import Shape, build
from tests.projects.shapes import OTHERS, PROJECTS

SOMEWHERE = Target(host="db.example.org", port=5432, user="shop", database="shop")
COMMENT = "# What dbtool must know of this project; `dbtool config` shows every setting.\n"
MODELS = 'models = "app.models:Base"\n'
BASE = "from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): ...\n"
URL = 'url = "env:SHOP_DATABASE_URL"\n'
USUAL = MODELS + URL
UNUSUAL = {
    "template_generic": MODELS,
    "template_async": MODELS,
    "template_pyproject": MODELS,
    "template_pyproject_async": MODELS,
    "template_multidb": None,
    "tenants": 'models = "crm.tables:metadata"\n',
    "async_settings": 'models = "app.models:SQLModel"\nengine = "app.db:engine"\n',
    "hard_coded": MODELS,
    "overwritten_option": MODELS,
    "named_section": MODELS,
    "metadata_list": 'models = ["app.models:Base", "app.billing:metadata"]\n' + URL,
    "ini_outside": USUAL + 'alembic_config = "../deploy/alembic.ini"\n',
    "creator": MODELS + 'engine = "app.database:engine"\n',
    "async_creator": MODELS,
    "listening_creator": MODELS + 'engine = "app.database:engine"\n',
    "tenant_loop": 'models = "crm.tables:metadata"\n' + URL,
    "two_databases": MODELS,
}


def files(root: Path, contents: dict[str, str]) -> Path:
    """Write Python files; their names go without the .py."""
    for name, content in contents.items():
        path = root / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(content))
    return root


def table(name: str) -> str:
    """The code of a mapped class."""
    return f"class {name}(Base):\n    __tablename__ = {name.lower()!r}\n"


def specs(root: Path) -> tuple[str, ...]:
    """What init takes for the models of a project without Alembic."""
    return look(root).models.specs


@pytest.mark.parametrize("shape", [*PROJECTS, *OTHERS], ids=lambda shape: shape.name)
def test_adopts_every_shape(shape: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An existing project gets the settings that follow from its code, and nothing else."""
    project = build(shape, tmp_path, SOMEWHERE)
    monkeypatch.chdir(project.directory)
    config = Path(shape.config) if shape.config else None
    proposal = propose(look(project.directory, config), Wishes())
    expected = UNUSUAL.get(shape.name, USUAL)
    if expected is None:
        assert proposal.changes == ()
        return
    (change,) = proposal.changes
    section = change.after.removeprefix(change.before or "")
    if change.path == "pyproject.toml":
        assert section.lstrip("\n") == f"[tool.dbtool]\n{COMMENT}{expected}"
    else:
        assert (change.path, section) == ("dbtool.toml", COMMENT + expected)


def test_second_run_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the proposal is written there is nothing left to propose."""
    shape = next(each for each in PROJECTS if each.name == "pyproject_only")
    project = build(shape, tmp_path, SOMEWHERE)
    monkeypatch.chdir(project.directory)
    first = propose(look(project.directory), Wishes())
    write(project.root, first.changes)
    assert propose(look(project.directory), Wishes()).changes == ()


def test_models_in_one_module(tmp_path: Path) -> None:
    """A base and its tables in one module are named by that module."""
    files(
        tmp_path,
        {
            "shop/models": """
            from sqlalchemy.orm import DeclarativeBase
            class Base(DeclarativeBase): ...
            class User(Base):
                __tablename__ = "users"
        """,
        },
    )
    assert specs(tmp_path) == ("shop.models:Base",)


def test_models_gathered_by_a_package(tmp_path: Path) -> None:
    """The package that imports every model is named, not the module of the base."""
    gathering = "from .user import User\nfrom .post import *\nfrom ..db import Base"
    files(
        tmp_path,
        {
            "shop/__init__": "",
            "shop/db": BASE,
            "shop/models/__init__": gathering,
            "shop/models/user": "from shop.db import Base\n" + table("User"),
            "shop/models/post": "from ..db import Base\n" + table("Post"),
            "shop/main": "from shop.db import Base\nfrom shop.models import User",
        },
    )
    assert specs(tmp_path) == ("shop.models:Base",)


def test_models_of_an_installed_package(tmp_path: Path) -> None:
    """Models that live elsewhere are found, and nothing is claimed about code nobody read."""
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    env = "from dbtool.example import Base\ntarget_metadata = Base.metadata\n"
    models = look(files(tmp_path, {"migrations/env": env})).models
    assert (models.specs, models.has_convention) == (("dbtool.example:Base",), True)


def test_models_gathered_nowhere(tmp_path: Path) -> None:
    """Where no module imports all models, each of theirs is named."""
    files(
        tmp_path,
        {
            "shop/db": "from sqlalchemy.orm import declarative_base\nBase = declarative_base()",
            "shop/users": 'from shop.db import Base\nclass User(Base): __tablename__ = "users"',
            "shop/posts": """
            from typing import TYPE_CHECKING
            from shop.db import Base
            if TYPE_CHECKING:
                from shop.users import User
            class Post(Base):
                __tablename__: str = "posts"
        """,
        },
    )
    assert specs(tmp_path) == ("shop.db:Base", "shop.posts", "shop.users")


@pytest.mark.parametrize(
    ("code", "spec"),
    [
        ("import sqlmodel\nclass A(sqlmodel.SQLModel, table=True): ...", "m"),
        ("from sqlmodel import SQLModel\nclass A(SQLModel, table=True): ...", "m:SQLModel"),
        ('import sqlalchemy as sa\nmeta = sa.MetaData()\nt = sa.Table("t", meta)', "m:meta"),
        (
            "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n"
            'class A(db.Model): __tablename__ = "a"',
            "m:db",
        ),
    ],
)
def test_kinds_of_models(tmp_path: Path, code: str, spec: str) -> None:
    """SQLModel, plain tables and Flask's db object are models too."""
    assert specs(files(tmp_path, {"m": code})) == (spec,)


def test_pydantic_models_are_no_tables(tmp_path: Path) -> None:
    """A SQLModel without table=True and files in tests or a virtual environment do not count."""
    files(
        tmp_path,
        {
            "schemas": "from sqlmodel import SQLModel\nclass UserRead(SQLModel): ...",
            "tests/models": BASE,
        },
    )
    files(tmp_path, {"mine/models": "from sqlalchemy.orm import declarative_base as b"})
    (tmp_path / "mine/pyvenv.cfg").touch()
    (tmp_path / "broken.py").write_text("sqlalchemy = (")
    assert specs(tmp_path) == ()


def test_env_that_misses_models(tmp_path: Path) -> None:
    """Models that env.py does not import are named in the setting, and the user is told."""
    shape = next(each for each in PROJECTS if each.name == "models_missing")
    project = build(shape, tmp_path, SOMEWHERE)
    proposal = propose(look(project.root), Wishes())
    assert proposal.models == ("app.models:Base",)
    assert any("env.py does not import app.models" in note for note in proposal.notes)


def test_url_variables(tmp_path: Path) -> None:
    """The variable with the URL is found in os.environ, getenv and pydantic settings."""
    files(
        tmp_path,
        {
            "a": 'import os\nmail = os.environ["MAIL_URL"]\nurl = os.getenv("SHOP_DB_URL", "x")',
            "b": 'from os import environ\ndsn = environ.get("TEST_DB_URL") or environ["PG_DSN"]',
            "c": """
            from pydantic import Field
            from pydantic_settings import BaseSettings, SettingsConfigDict
            class Settings(BaseSettings):
                model_config = SettingsConfigDict(env_prefix="APP_")
                database_url: str
                database_echo: bool = False
                replica: str = Field(validation_alias="REPLICA_DATABASE_URL")
        """,
        },
    )
    expected = ("APP_DATABASE_URL", "PG_DSN", "REPLICA_DATABASE_URL", "SHOP_DB_URL")
    survey = look(tmp_path)
    assert survey.variables == expected
    proposal = propose(survey, Wishes())
    assert any("several URLs" in note and "PG_DSN" in note for note in proposal.notes)
    assert proposal.variable == "DATABASE_URL"


def test_engines(tmp_path: Path) -> None:
    """Engines at module level and functions that make one are found; those with arguments not."""
    files(
        tmp_path,
        {
            "a": "from sqlalchemy import create_engine\nengine = create_engine('postgresql://')",
            "b": """
            from sqlalchemy.ext.asyncio import create_async_engine
            def get_engine(echo: bool = False):
                return create_async_engine("postgresql+asyncpg://", echo=echo)
            def engine_for(url):
                return create_async_engine(url)
        """,
        },
    )
    assert look(tmp_path).engines == ("a:engine", "b:get_engine")


def test_appended_table_keeps_the_file() -> None:
    """Comments, order and line ends stay; only the end is new."""
    text = '# ours\r\n[project]\r\nname = "shop"   # short\r\n\r\n\r\n'
    after = appended_table(text, '[tool.dbtool]\nmodels = "a:B"\n')
    assert after == (
        '# ours\r\n[project]\r\nname = "shop"   # short\r\n\r\n[tool.dbtool]\r\nmodels = "a:B"\r\n'
    )


@pytest.mark.parametrize(
    "text", ["tool = {x = 1}", "[tool.dbtool]\nmodels = 'a'", "[[tool.dbtool]]"]
)
def test_appended_table_that_toml_forbids(text: str) -> None:
    """Where the table cannot be added at the end the file is left alone."""
    assert appended_table(text, '[tool.dbtool]\nmodels = "a:B"\n') is None


def test_inline_tool_table_gets_a_file_of_its_own(tmp_path: Path) -> None:
    """A pyproject.toml that cannot take a section leads to dbtool.toml and alembic.ini."""
    (tmp_path / "pyproject.toml").write_text("tool = { poetry = { name = 'shop' } }\n")
    paths = [change.path for change in propose(look(tmp_path), Wishes()).changes]
    assert paths == [
        "models.py",
        "alembic.ini",
        "migrations/env.py",
        "migrations/script.py.mako",
        "dbtool.toml",
    ]


def test_settings_that_are_there_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A [tool.dbtool] section is the user's: nothing is added to it."""
    shape = next(each for each in PROJECTS if each.name == "pyproject_only")
    project = build(shape, tmp_path, SOMEWHERE)
    monkeypatch.chdir(project.root)
    with (project.root / "pyproject.toml").open("a") as file:
        file.write('\n[tool.dbtool]\nfail_on = "warning"\n')
    assert propose(look(project.root), Wishes()).changes == ()


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("dbtool.toml", 'fail_on = "warning"\n', "in dbtool.toml"),
        ("pyproject.toml", '[project]\nname = "shop"\n', "under [tool.dbtool]"),
        ("alembic.ini", "[alembic]\nscript_location = db\n", "in dbtool.toml"),
    ],
)
def test_notes_name_the_file_that_settings_stand_in(
    tmp_path: Path, name: str, text: str, place: str
) -> None:
    """A [tool.dbtool] that dbtool would refuse beside dbtool.toml is not advised."""
    engine = "from sqlalchemy import create_engine\n{} = create_engine('postgresql://')\n"
    files(tmp_path, {"app/__init__": "", "app/a": engine.format("a"), "app/b": engine.format("b")})
    files(tmp_path, {"db/env": "from alembic import context\n"})
    (tmp_path / name).write_text(text)
    notes = propose(look(tmp_path), Wishes()).notes
    assert (
        f"several engines were found (app.a:a, app.b:b); name the application's {place}:"
        ' engine = "package.module:name"'
    ) in notes


def test_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The error names the file the user asked for, not the one it is written by way of."""
    name = "/proc/no_file_is_made_here"
    with pytest.raises(OperationError) as caught:
        write_files(tmp_path, [Change("b", None, ""), Change(name, None, "")])
    assert caught.value.message == f'cannot write "{name}"'
    assert caught.value.detail == "No such file or directory. Written so far: b."


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        (None, ".dbtool/\n"),
        ("*.pyc", "*.pyc\n.dbtool/\n"),
        ("*.pyc\r\n", "*.pyc\r\n.dbtool/\r\n"),
        ("/.dbtool\n", None),
        (".dbtool/\n", None),
    ],
)
def test_gitignore(tmp_path: Path, ignored: str | None, expected: str | None) -> None:
    """The development server's directory is ignored once, in the file's own line ends."""
    (tmp_path / ".git").mkdir()
    if ignored is not None:
        (tmp_path / ".gitignore").write_bytes(ignored.encode())
    changes = {each.path: each.after for each in propose(look(tmp_path), Wishes()).changes}
    assert changes.get(".gitignore") == expected


def test_gitignore_of_the_repository(tmp_path: Path) -> None:
    """A project inside a repository that ignores .dbtool/ needs no line of its own."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text(".dbtool/\n")
    inside = tmp_path / "services/shop"
    inside.mkdir(parents=True)
    (inside / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    proposal = propose(look(inside), Wishes())
    assert ".gitignore" not in {each.path for each in proposal.changes}
    assert proposal.survey.root == inside


def test_no_gitignore_without_git(tmp_path: Path) -> None:
    """Outside a repository nobody needs a .gitignore."""
    assert ".gitignore" not in {each.path for each in propose(look(tmp_path), Wishes()).changes}


def test_first_models_go_into_the_package(tmp_path: Path) -> None:
    """A project with one package gets its models there, and imports begin at src."""
    files(tmp_path, {"src/shop/__init__": "", "src/shop/main": "print()", "tests/__init__": ""})
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    proposal = propose(look(tmp_path), Wishes())
    after = {each.path: each.after for each in proposal.changes}
    tool = tomllib.loads(after["pyproject.toml"])["tool"]
    assert "src/shop/models.py" in after
    assert tool["dbtool"]["models"] == "shop.models:Base"
    assert tool["alembic"]["prepend_sys_path"] == ["%(here)s/src"]
    assert "from shop.models import Base\n" in after["migrations/env.py"]


def test_existing_models_module_is_not_overwritten(tmp_path: Path) -> None:
    """A models.py in which no model was found is a question to the user."""
    (tmp_path / "models.py").write_text("class Nothing: ...\n")
    with pytest.raises(UsageError) as caught:
        propose(look(tmp_path), Wishes())
    assert caught.value.message == '"models.py" exists, and no models were found in it'
    assert "--models" in caught.value.hint


def test_directory_that_holds_something_else(tmp_path: Path) -> None:
    """Files in the way are never overwritten."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/env.py").write_text("print('not about databases')\n")
    with pytest.raises(UsageError) as caught:
        propose(look(tmp_path), Wishes())
    assert caught.value.message == '"migrations/env.py" exists'
    elsewhere = propose(look(tmp_path), Wishes(directory="db/history"))
    assert "db/history/env.py" in {each.path for each in elsewhere.changes}


def test_environment_without_a_configuration(tmp_path: Path) -> None:
    """An env.py that nothing leads to is adopted by writing the configuration for it."""
    files(
        tmp_path,
        {
            "db/env": "import alembic\nfrom m import Base\ntarget_metadata = Base.metadata",
            "m": """
            from sqlalchemy.orm import DeclarativeBase
            class Base(DeclarativeBase): ...
            class A(Base): __tablename__ = "a"
        """,
        },
    )
    proposal = propose(look(tmp_path), Wishes())
    assert [each.path for each in proposal.changes] == ["alembic.ini", "dbtool.toml"]
    assert "script_location = %(here)s/db\n" in proposal.changes[0].after
    assert any("db/env.py was there" in note for note in proposal.notes)


def test_several_configurations(tmp_path: Path) -> None:
    """Of several Alembic configurations below the project none is chosen silently."""
    for name in ("billing", "shop"):
        (tmp_path / name / "migrations").mkdir(parents=True)
        ini = "[alembic]\nscript_location = %(here)s/migrations\n"
        (tmp_path / name / "alembic.ini").write_text(ini)
    with pytest.raises(UsageError) as caught:
        propose(look(tmp_path), Wishes())
    assert caught.value.detail == "billing/alembic.ini\nshop/alembic.ini"


def monorepo(root: Path) -> Path:
    """A repository whose only database project is in backend/."""
    files(
        root,
        {
            "backend/storefront/__init__": "",
            "backend/storefront/models": (
                "from sqlalchemy import Column, Integer\n"
                f"{BASE}{table('User')}    id = Column(Integer, primary_key=True)\n"
            ),
            "backend/storefront/alembic/env": (
                "from alembic import context\n"
                "from storefront.models import Base\n"
                "target_metadata = Base.metadata\n"
            ),
        },
    )
    ini = "[alembic]\nscript_location = storefront/alembic\nprepend_sys_path = .\n"
    (root / "backend/alembic.ini").write_text(ini)
    (root / ".git").mkdir()
    return root


def test_project_below_the_repository(tmp_path: Path) -> None:
    """From the repository's root the one project below it is set up where it is at home."""
    proposal = propose(look(monorepo(tmp_path)), Wishes())
    assert proposal.survey.root == tmp_path / "backend"
    assert proposal.models == ("storefront.models:Base",)
    assert {each.path for each in proposal.changes} == {"dbtool.toml", ".gitignore"}
    report = View("init", proposal, Checked(), has_database=True).report("written")
    assert report.headline == "wrote backend/dbtool.toml, backend/.gitignore"
    assert report.next[0] == "cd backend"


def test_configuration_named_from_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that was named keeps the root, and its paths begin where it lies."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    proposal = propose(look(monorepo(tmp_path), Path("backend/alembic.ini")), Wishes())
    assert proposal.survey.root == tmp_path
    settings = next(each.after for each in proposal.changes if each.path == "dbtool.toml")
    assert 'alembic_config = "backend/alembic.ini"\n' in settings
    assert check(proposal) == Checked(tables=1)


def test_contradicting_wishes(tmp_path: Path) -> None:
    """A template or another directory makes no sense where there is an environment."""
    project = build(PROJECTS[0], tmp_path, SOMEWHERE)
    for wishes in (Wishes(template="async"), Wishes(directory="elsewhere")):
        with pytest.raises(UsageError) as caught:
            propose(look(project.root), wishes)
        assert "has an Alembic environment already (alembic.ini)" in caught.value.message
    with pytest.raises(UsageError) as caught:
        propose(look(project.root), Wishes(template="asnyc"))
    assert 'no template "asnyc"' in caught.value.message


def test_models_that_cannot_be_imported(tmp_path: Path) -> None:
    """A failing import does not stop init; the reason is told."""
    files(
        tmp_path,
        {
            "m": """
            import os
            from sqlalchemy.orm import DeclarativeBase
            os.environ["A_VARIABLE_NOBODY_SETS"]
            class Base(DeclarativeBase): ...
            class A(Base): __tablename__ = "a"
        """,
        },
    )
    proposal: Proposal = propose(look(tmp_path), Wishes())
    checked = check(proposal)
    assert checked.tables is None
    assert "A_VARIABLE_NOBODY_SETS is not set" in checked.problem


def test_file_that_changed_meanwhile(tmp_path: Path) -> None:
    """What was shown is what is written: a file that changed since stops everything."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    proposal = propose(look(tmp_path), Wishes())
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "store"\n')
    with pytest.raises(OperationError) as caught:
        write(tmp_path, proposal.changes)
    assert caught.value.message == '"pyproject.toml" changed since it was read'
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


def test_models_found_without_env(tmp_path: Path) -> None:
    """Reading the code alone names the same models as reading env.py."""
    from dbtool.migrate.init.code import scan

    files(
        tmp_path,
        {
            "app/models": """
            from sqlalchemy.orm import DeclarativeBase
            class Base(DeclarativeBase): ...
            class A(Base): __tablename__ = "a"
        """,
        },
    )
    assert find_models(scan(tmp_path, [tmp_path]), None).specs == ("app.models:Base",)
