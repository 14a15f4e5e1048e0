"""Models are found by their setting, and a failure names the team's file, line and remedy."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.errors import UsageError
from dbtool.imports import import_error
from dbtool.metadata import Models, load, search_path

BASE = """
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

class Base(DeclarativeBase):
    pass

metadata = MetaData()
"""
MODELS = """
from sqlalchemy.orm import Mapped, mapped_column
from shopapp.base import Base

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.fixture(autouse=True)
def _own_modules() -> Iterator[None]:
    """What a test imports is forgotten after it."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        if name.partition(".")[0] in ("shopapp", "other", "settings_module", "broken"):
            del sys.modules[name]
    sys.path[:] = path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a package of models."""
    write(tmp_path, "shopapp/__init__.py", "")
    write(tmp_path, "shopapp/base.py", BASE)
    write(tmp_path, "shopapp/models.py", MODELS)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    """Write one file of a project."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refused(root: Path, *specs: str) -> tuple[str, str, str]:
    """Message, detail and hint of the error that loading raises; paths without the root."""
    with pytest.raises(UsageError) as caught:
        load(specs, root)
    error = caught.value
    said = (error.message, error.detail, error.hint)
    return tuple(part.replace(str(root), "<root>") for part in said)  # type: ignore[return-value]


def tables(models: Models) -> list[str]:
    """The names of all tables."""
    return [table.fullname for table in models.tables]


def classes(models: Models) -> list[str]:
    """The names of all mapped classes."""
    return [mapper.class_.__name__ for mapper in models.mappers]


@pytest.mark.parametrize(
    "spec",
    [
        "shopapp.models:Base",
        "shopapp.models:Base.metadata",
        "shopapp.models:Base.registry",
        "shopapp.models:User",
        "shopapp.models",
    ],
)
def test_ways_to_name_a_base(project: Path, spec: str) -> None:
    """A Base, its MetaData, its registry, a mapped class, or the module alone."""
    models = load([spec], project)
    assert (tables(models), classes(models)) == (["users"], ["User"])
    assert len(models.metadatas) == 1
    assert models.sources[0].file == project / "shopapp" / "models.py"


def test_module_that_imports_the_models_may_be_named_beside_the_base(project: Path) -> None:
    """Several entries with the same metadata are one."""
    models = load(["shopapp.base:Base", "shopapp.models"], project)
    assert (tables(models), len(models.metadatas), len(models.registries)) == (["users"], 1, 1)


def test_several_bases_and_a_list(project: Path) -> None:
    """Entries add up, and one entry may be a list."""
    write(project, "other.py", MODELS.replace("shopapp.base", "otherbase").replace("users", "pets"))
    write(project, "otherbase.py", BASE)
    write(project, "shopapp/all.py", "import other\nfrom shopapp.models import Base\n"
          "everything = [Base, (other.Base.metadata,)]\n")  # fmt: skip
    assert tables(load(["shopapp.models:Base", "other:Base"], project)) == ["pets", "users"]
    assert tables(load(["shopapp.all:everything"], project)) == ["pets", "users"]


def test_sqlmodel(project: Path) -> None:
    """The SQLModel class, its metadata, and the module that uses it."""
    write(
        project,
        "shopapp/heroes.py",
        "from sqlmodel import Field, SQLModel\n"
        "class DbtoolHero(SQLModel, table=True):\n"
        "    id: int | None = Field(default=None, primary_key=True)\n",
    )
    for spec in ("shopapp.heroes:SQLModel", "shopapp.heroes:SQLModel.metadata", "shopapp.heroes"):
        models = load([spec], project)
        assert "dbtoolhero" in tables(models)
        assert "DbtoolHero" in classes(models)


def test_what_is_there_is_not_proposed_for_itself(tmp_path: Path) -> None:
    """A module that lies where nobody looked is not the answer to its own name."""
    (tmp_path / "shop.py").touch()
    missing = ModuleNotFoundError("No module named 'shop'", name="shop")
    assert "Did you mean" not in import_error(missing, "shop", [tmp_path]).hint


def test_prepend_sys_path_of_the_ini_file(project: Path, tmp_path: Path) -> None:
    """Alembic's own setting leads to a source directory, in each of its spellings."""
    write(project, "backend/src/other.py", MODELS)
    ini = project / "conf" / "alembic.ini"
    for line in ("backend/src", "%(here)s/../backend/src", ". backend/src"):
        write(project, "conf/alembic.ini", f"[alembic]\nprepend_sys_path = {line}\n")
        assert project / "backend" / "src" in search_path(project, ini)
    assert tables(load(["other:Base"], project, ini)) == ["users"]
    write(project, "pyproject.toml", '[tool.alembic]\nprepend_sys_path = ["backend/src"]\n')
    assert search_path(project) == (project / "backend" / "src", project)


def test_the_project_comes_before_what_is_installed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where something else was on the path already, and the project behind it."""
    write(project, "other.py", MODELS)
    write(project, "installed/other.py", "raise AssertionError('an older release')")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "installed"), *sys.path, str(tmp_path)])
    assert tables(load(["other:Base"], project)) == ["users"]
    assert sys.path.count(str(tmp_path)) == 1


def test_packages_below_src(tmp_path: Path) -> None:
    """A src layout is found without any setting; a package that is called src is not one."""
    for name, text in (("__init__", ""), ("base", BASE), ("models", MODELS)):
        write(tmp_path, f"src/shopapp/{name}.py", text)
    assert search_path(tmp_path) == (tmp_path, tmp_path / "src")
    assert tables(load(["shopapp.models:Base"], tmp_path)) == ["users"]
    write(tmp_path, "src/__init__.py", "")
    assert search_path(tmp_path) == (tmp_path,)


def test_prints_of_the_models_stay_off_stdout(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a module prints while it is imported goes to stderr: stdout is the report."""
    write(project, "other.py", "print('hello')\n" + MODELS)
    load(["other:Base"], project)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "hello\n")


def test_nothing_named(project: Path) -> None:
    """The setting is missing altogether."""
    assert refused(project) == (
        "no models are named",
        "The settings of <root> do not say where the models are.",
        'Add to [tool.dbtool] in pyproject.toml: models = "package.module:Base"',
    )


def test_nothing_named_in_a_file_of_its_own(project: Path) -> None:
    """The hint names the file that is there."""
    (project / "dbtool.toml").touch()
    assert refused(project)[2] == 'Add to dbtool.toml: models = "package.module:Base"'


def test_module_not_found(project: Path) -> None:
    """Near names of modules beside it, and where it was looked for."""
    searched = f"Searched <root> and the packages of {sys.prefix}."
    assert refused(project, "shopapp.model:Base") == (
        'module "shopapp.model" not found',
        searched,
        'Did you mean "shopapp.models"?',
    )
    assert refused(project, "shopap.models:Base") == (
        'module "shopap" not found (for "shopap.models")',
        searched,
        'Did you mean "shopapp"?',
    )
    assert refused(project, "zzz") == (
        'module "zzz" not found',
        searched,
        "Name the module as the application imports it, from the project root; "
        "run dbtool in the application's own environment.",
    )


def test_path_instead_of_a_module(project: Path) -> None:
    """A file name is turned into the module it means."""
    assert refused(project, "shopapp/models.py:Base") == (
        '"shopapp/models.py:Base" is a path, not a module',
        "",
        'Name it as it is imported: "shopapp.models:Base"',
    )


def test_attribute_missing(project: Path) -> None:
    """Near names in the module; without any, what it does hold."""
    assert refused(project, "shopapp.models:base") == (
        '"shopapp.models" has no "base" (for "shopapp.models:base")',
        "The module is <root>/shopapp/models.py.",
        'Did you mean "shopapp.models:Base"?',
    )
    assert refused(project, "shopapp.models:zzz")[2] == (
        'Did you mean "shopapp.models:Base" or "shopapp.models:User"?'
    )


def test_attribute_that_is_no_metadata(project: Path) -> None:
    """Says what it is, and what is accepted."""
    accepted = (
        "The setting names a declarative Base, a SQLModel class, a MetaData, a registry, "
        "or a list of these."
    )
    write(project, "shopapp/wrong.py", "number = 7\nclass Plain: pass\n")
    assert refused(project, "shopapp.wrong:number") == (
        '"shopapp.wrong:number" holds no metadata',
        "It is of type int.",
        accepted,
    )
    assert refused(project, "shopapp.wrong:Plain")[1] == "It is the class Plain."


def test_module_with_several_metadata(project: Path) -> None:
    """Asks for one of them by name; the only one with tables is taken without asking."""
    write(project, "other.py", BASE + "class Second(DeclarativeBase): pass\n")
    assert refused(project, "other") == (
        '"other" holds several metadata',
        "The module is <root>/other.py.",
        'Name one: "other:Base" or "other:Second" or "other:metadata"',
    )
    write(project, "shopapp/mixed.py", MODELS + "from sqlalchemy import MetaData\nold = MetaData()")
    assert tables(load(["shopapp.mixed"], project)) == ["users"]


def test_module_without_metadata(project: Path) -> None:
    """Says so, with the form that is expected."""
    assert refused(project, "shopapp")[0] == '"shopapp" holds no metadata'


def test_empty_metadata(project: Path) -> None:
    """The commonest mistake: the Base is named and nobody imported the models."""
    assert refused(project, "shopapp.base:Base") == (
        'no table is registered in "shopapp.base:Base"',
        "The metadata was found and is empty.",
        "Did the module import your models? Name the modules that define them: "
        'models = ["package.base:Base", "package.models"]',
    )


FAILURES = {
    "import nowhere.at_all": (
        "shopapp/broken.py, line 3: ModuleNotFoundError: No module named 'nowhere'",
        f"dbtool runs in {sys.prefix}: install it in the application's environment.",
    ),
    "from shopapp.base import Bse": (
        "shopapp/broken.py, line 3: ImportError: cannot import name 'Bse' from 'shopapp.base' "
        "(<root>/shopapp/base.py)",
        'See the whole traceback with: python -c "import shopapp.broken"',
    ),
    "import os; os.environ['SHOPAPP_KEY']": (
        "shopapp/broken.py, line 3: the environment variable SHOPAPP_KEY is not set",
        "Set SHOPAPP_KEY as the application does.",
    ),
    "def load(: pass": (
        "shopapp/broken.py, line 3: SyntaxError: invalid syntax",
        'See the whole traceback with: python -c "import shopapp.broken"',
    ),
    "raise SystemExit('give me a config')": (
        "shopapp/broken.py, line 3: the module ends the program: give me a config",
        "Move that out of the import.",
    ),
    "raise RuntimeError('cannot reach postgresql://app:s3@c/ret@db/shop')": (
        "shopapp/broken.py, line 3: RuntimeError: cannot reach postgresql://app:***@db/shop",
        'See the whole traceback with: python -c "import shopapp.broken"',
    ),
    "raise RuntimeError('refused: host=db password=s3cret dbname=shop')": (
        "shopapp/broken.py, line 3: RuntimeError: refused: host=db password=*** dbname=shop",
        'See the whole traceback with: python -c "import shopapp.broken"',
    ),
    "raise RuntimeError(\"password='a''b' dbname=shop\")": (
        "shopapp/broken.py, line 3: RuntimeError: password=*** dbname=shop",
        'See the whole traceback with: python -c "import shopapp.broken"',
    ),
    "raise RuntimeError('password=a,b;c)d dbname=shop')": (
        "shopapp/broken.py, line 3: RuntimeError: password=*** dbname=shop",
        'See the whole traceback with: python -c "import shopapp.broken"',
    ),
    "raise RuntimeError({'user': 'app', 'password': 's3 cret'})": (
        "shopapp/broken.py, line 3: RuntimeError: {'user': 'app', 'password': ***}",
        'See the whole traceback with: python -c "import shopapp.broken"',
    ),
}


@pytest.mark.parametrize("line", FAILURES)
def test_import_error_in_the_teams_code(project: Path, line: str) -> None:
    """Their file, their line, what to do; passwords never, our own traceback never."""
    write(project, "shopapp/broken.py", f"\n\n{line}\n")
    assert refused(project, "shopapp.broken:Base") == (
        'cannot import "shopapp.broken"',
        *FAILURES[line],
    )


def test_import_error_deeper_in_the_teams_code(project: Path) -> None:
    """The innermost line of theirs is named, not the library it called."""
    write(project, "shopapp/engine.py", "from sqlalchemy import create_engine\n"
          "engine = create_engine('nodb://x')\n")  # fmt: skip
    write(project, "shopapp/broken.py", "import shopapp.engine\n")
    message, detail, _ = refused(project, "shopapp.broken:Base")
    assert message == 'cannot import "shopapp.broken"'
    assert detail.startswith("shopapp/engine.py, line 2: NoSuchModuleError")


def test_incomplete_pydantic_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields that are missing are named; values that were given are not."""
    monkeypatch.setenv("PORT", "s3cret-not-a-number")
    write(
        project,
        "shopapp/broken.py",
        "from pydantic_settings import BaseSettings\n"
        "class Settings(BaseSettings):\n"
        "    database_url: str\n"
        "    port: int\n"
        "Settings()\n",
    )
    assert refused(project, "shopapp.broken:Base") == (
        'cannot import "shopapp.broken"',
        "shopapp/broken.py, line 5: the application's settings are incomplete: database_url, port",
        "Set what these fields read, as the application does (perhaps DATABASE_URL).",
    )


def test_missing_driver(project: Path) -> None:
    """What postgresql:// means depends on the version of SQLAlchemy; the hint says so."""
    write(project, "shopapp/broken.py", "import psycopg2\n")
    write(project, "psycopg2.py", "raise ModuleNotFoundError('no psycopg2', name='psycopg2')\n")
    message, _, hint = refused(project, "shopapp.broken:Base")
    assert message == 'cannot import "shopapp.broken"'
    assert hint == (
        "Install psycopg2 beside the application, or name the driver in the URL: "
        "postgresql:// means psycopg under SQLAlchemy 2.1 and psycopg2 before."
    )
    sys.modules.pop("psycopg2", None)
