"""`dbtool config`: what it shows of a project, and that it shows no secret."""

import json
from pathlib import Path

import pytest

from tests.conftest import Dbtool

PROJECT = """\
[tool.dbtool]
models = ["shop.models:Base"]
fail_on = "warning"

[tool.dbtool.env.dev]
url = "postgresql://ann@localhost:5433/shop"
development = true

[tool.dbtool.env.live]
url = "env:LIVE_URL"
production = true
"""

SHOWN = """\
ann@db.example:5432/shop, from .env DATABASE_URL: not known whether production

project root  {root} (found by pyproject.toml [tool.dbtool])
standing      unknown: no setting marks it; development if its server proves to be a local process

setting          value                     from
url              ann@db.example:5432/shop  .env DATABASE_URL, over alembic.ini sqlalchemy.url
rescue_url       not set
models           shop.models:Base          pyproject.toml [tool.dbtool]
models_ignore    not set
engine           not set
alembic_config   alembic.ini               found in the project root
fail_on          warning                   pyproject.toml [tool.dbtool]
seeds            seeds                     default
connect_timeout  3                         default
lock_timeout     2                         default
wait_lock        600                       default
max_blocking     30                        default
lint.select      not set
lint.ignore      not set
lint.since       not set
lint.pg          not set
lint.measure     false                     default

environment  database                          marked
dev          ann@localhost:5433/shop           development
live         the variable LIVE_URL is not set  production

to classify it (or production = true)
    [tool.dbtool]
    env.dev = {{ url = "postgresql://ann@db.example:5432/shop", development = true }}

info: the database is the one .env DATABASE_URL names, not alembic.ini sqlalchemy.url
"""

NOTHING = """\
no database is named

project root  {root} (found by .git)

setting          value    from
url              not set
rescue_url       not set
models           not set
models_ignore    not set
engine           not set
alembic_config   not set
fail_on          error    default
seeds            seeds    default
connect_timeout  3        default
lock_timeout     2        default
wait_lock        600      default
max_blocking     30       default
lint.select      not set
lint.ignore      not set
lint.since       not set
lint.pg          not set
lint.measure     false    default

next:
  export DATABASE_URL="postgresql://user@host:5432/database"
  dbtool init
  dbtool demo
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a pyproject.toml, an alembic.ini and an .env of its own."""
    root = tmp_path / "p"
    root.mkdir()
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "alembic.ini").write_text("[alembic]\nsqlalchemy.url = postgresql://h/other\n")
    (root / ".env").write_text("DATABASE_URL=postgresql+asyncpg://ann:s3cret@db.example/shop\n")
    return root


def squeezed(text: str) -> str:
    """Text without the blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_every_setting_with_its_origin(dbtool: Dbtool, project: Path) -> None:
    """The database comes first, then each value and who set it."""
    ran = dbtool("config", cwd=project, env={"COLUMNS": "300"})
    assert (ran.code, ran.err) == (0, "")
    assert squeezed(ran.out) == squeezed(SHOWN.format(root=project))


def test_a_project_with_a_file_of_its_own(dbtool: Dbtool, tmp_path: Path) -> None:
    """In dbtool.toml there is no [tool.dbtool]."""
    (tmp_path / "dbtool.toml").write_text('url = "postgresql://ann@db.example/shop"\n')
    ran = dbtool("config", cwd=tmp_path, env={"COLUMNS": "300"})
    assert ran.code == 0, ran.err
    assert "(or production = true)\n    env.dev = { url = " in ran.out


def test_nothing_configured(dbtool: Dbtool, tmp_path: Path) -> None:
    """That is no error: it says what is missing and what to type next."""
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / ".git").mkdir()
    ran = dbtool("config", cwd=bare, env={"COLUMNS": "300"})
    assert (ran.code, ran.err) == (0, "")
    assert squeezed(ran.out) == squeezed(NOTHING.format(root=bare))


def test_a_project_that_names_no_database(dbtool: Dbtool, tmp_path: Path) -> None:
    """What is set up already is not proposed."""
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    _, proposed = dbtool("config", cwd=tmp_path).out.split("next:\n")
    assert proposed.split("\n")[1:] == ["  dbtool local start", ""]


def test_json_masks_secrets_too(dbtool: Dbtool, project: Path) -> None:
    """The whole of it as data, without the password anywhere."""
    ran = dbtool("config", "--json", "--env", "live", cwd=project, env={"LIVE_URL": LIVE})
    assert (ran.code, ran.err) == (0, "")
    assert "s3cret" not in ran.out
    data = json.loads(ran.out)["data"]
    assert (data["database"], data["database_source"]) == (
        "ann@ep-a-pooler.neon.tech:5432/shop",
        "pyproject.toml [tool.dbtool.env.live], from LIVE_URL",
    )
    assert (data["standing"], data["standing_reason"], data["settings_line"]) == (
        "production",
        "pyproject.toml [tool.dbtool.env.live] is marked production",
        None,
    )
    assert data["pooled"] == 'the host name "ep-a-pooler.neon.tech" has "-pooler" in it'
    assert data["settings"][0] == {
        "key": "url",
        "value": "ann@ep-a-pooler.neon.tech:5432/shop",
        "source": "pyproject.toml [tool.dbtool.env.live]",
        "overrides": [".env DATABASE_URL", "alembic.ini sqlalchemy.url"],
    }
    assert [each["marked"] for each in data["environments"]] == ["development", "production"]


LIVE = "postgresql://ann:s3cret@ep-a-pooler.neon.tech/shop?sslmode=require&channel_binding=require"


def test_an_environment_against_the_process_environment(dbtool: Dbtool, project: Path) -> None:
    """`--env` and a DATABASE_URL that leads elsewhere: exit 2, in both forms of output."""
    elsewhere = {"DATABASE_URL": "postgresql://ann:s3cret@h/other"}
    ran = dbtool("config", "--env", "dev", cwd=project, env=elsewhere)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        'error: DATABASE_URL and environment "dev" name different databases\n'
        "detail: DATABASE_URL: ann@h:5432/other\n"
        "        pyproject.toml [tool.dbtool.env.dev]: ann@localhost:5433/shop\n"
        "hint: Unset DATABASE_URL.\n"
    )
    ran = dbtool("config", "--env", "dev", "--json", cwd=project, env=elsewhere)
    assert ran.code == 2
    assert json.loads(ran.out)["error"]["exit"] == 2


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://ann:s3cret@h/d", 'the connection string of --url is for "mysql"'),
        ("postgresql://ann:s3cret@h:x/d", "the connection string of --url is not valid"),
        (
            "driver://user:s3cret@localhost/dbname",
            "the connection string of --url is the placeholder of Alembic's template",
        ),
    ],
)
def test_a_wrong_url(dbtool: Dbtool, project: Path, url: str, message: str) -> None:
    """It is exit 2, says which place to correct, and does not repeat the password."""
    ran = dbtool("config", "--url", url, cwd=project)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[0] == f"error: {message}"
    assert "s3cret" not in ran.err


def test_neither_orm_nor_driver_is_imported(dbtool: Dbtool, project: Path) -> None:
    """Reading settings costs neither SQLAlchemy nor Alembic nor asyncpg."""
    ran = dbtool("config", cwd=project, env={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.rpartition("|")[2].strip() for line in ran.err.splitlines()}
    assert "dbtool.settings.values" in loaded
    assert not loaded & {"sqlalchemy", "alembic", "asyncpg"}
