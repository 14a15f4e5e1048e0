"""Where a setting may stand, which place wins, and which database that names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dbtool.errors import UsageError
from dbtool.guard import environment_of
from dbtool.settings.values import Settings, load
from dbtool.severity import FailOn

VARIABLES = (
    "DATABASE_URL",
    "ALEMBIC_CONFIG",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSWORD",
    "PGSERVICE",
    "PGSSLMODE",
)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine the tests run on."""
    import os

    for name in (*VARIABLES, *(each for each in os.environ if each.startswith("DBTOOL_"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Write:
    """Write files of a project and get its root."""

    def write(**files: str) -> Path:
        root = tmp_path / "project"
        (root / ".git").mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = root / {"env": ".env", "ini": "alembic.ini"}.get(name, f"{name}.toml")
            path.write_text(text)
        return root

    return write


def read(
    root: Path, url: str | None = None, env: str | None = None, config: Path | None = None
) -> Settings:
    """The settings as a command in this directory sees them."""
    return load(url, env, config, root)


def where(settings: Settings) -> tuple[str, str]:
    """The database and where its name came from."""
    target = settings.target()
    return target.database, target.source


TABLE = '[tool.dbtool]\nurl = "postgresql://h/from_table"\n'
INI = "[alembic]\nsqlalchemy.url = postgresql+psycopg://h/from_ini\n"


def test_the_order_of_places(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place wins over the ones below it, and the source says which it was."""
    root = project(ini=INI)
    assert where(read(root)) == ("from_ini", "alembic.ini sqlalchemy.url")
    project(pyproject=TABLE)
    assert where(read(root)) == ("from_table", "pyproject.toml [tool.dbtool]")
    project(env="DATABASE_URL=postgresql://h/from_dotenv\n")
    assert where(read(root)) == ("from_dotenv", ".env DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL", "postgresql://h/from_environment")
    assert where(read(root)) == ("from_environment", "DATABASE_URL")
    monkeypatch.setenv("DBTOOL_URL", "postgresql://h/from_own_variable")
    assert where(read(root)) == ("from_own_variable", "DBTOOL_URL")
    settings = read(root, url="postgresql://h/from_flag")
    assert where(settings) == ("from_flag", "--url")
    assert settings.values()[0].overrides == (
        "DBTOOL_URL",
        "DATABASE_URL",
        ".env DATABASE_URL",
        "pyproject.toml [tool.dbtool]",
        "alembic.ini sqlalchemy.url",
    )


def test_every_setting_and_where_it_came_from(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key can stand in the table and in a variable of its own."""
    root = project(
        dbtool='models = ["shop.models:Base", "shop.more"]\nengine = "shop.db:engine"\n'
        'alembic_config = "db/alembic.ini"\nfail_on = "warning"\nconnect_timeout = 7\n'
        "lock_timeout = 0.5\nwait_lock = 0\nmax_blocking = 5\n"
        'url = "postgresql://ann:secret@h/shop"\n'
        '[lint]\nselect = ["default", "column-dropped"]\nignore = "table-dropped"\n'
        'since = "aaa1"\npg = 16\n'
    )
    settings = read(root)
    assert settings.models == ("shop.models:Base", "shop.more")
    assert settings.engine == "shop.db:engine"
    assert settings.alembic_config == root / "db/alembic.ini"
    assert settings.fail_on is FailOn.WARNING
    assert settings.target().parameter("connect_timeout") == "7"
    assert {each.key: (each.value, each.source) for each in settings.values()} == {
        "url": ("ann@h:5432/shop", "dbtool.toml"),
        "rescue_url": (None, ""),
        "models": ("shop.models:Base, shop.more", "dbtool.toml"),
        "models_ignore": (None, ""),
        "engine": ("shop.db:engine", "dbtool.toml"),
        "alembic_config": ("db/alembic.ini", "dbtool.toml"),
        "fail_on": ("warning", "dbtool.toml"),
        "seeds": ("seeds", "default"),
        "connect_timeout": ("7", "dbtool.toml"),
        "lock_timeout": ("0.5", "dbtool.toml"),
        "wait_lock": ("0", "dbtool.toml"),
        "max_blocking": ("5", "dbtool.toml"),
        "lint.select": ("default, column-dropped", "dbtool.toml [lint]"),
        "lint.ignore": ("table-dropped", "dbtool.toml [lint]"),
        "lint.since": ("aaa1", "dbtool.toml [lint]"),
        "lint.pg": ("16", "dbtool.toml [lint]"),
        "lint.measure": ("false", "default"),
    }
    monkeypatch.setenv("DBTOOL_MODELS", "a:Base, b")
    monkeypatch.setenv("DBTOOL_ENGINE", "a:engine")
    monkeypatch.setenv("DBTOOL_FAIL_ON", "never")
    monkeypatch.setenv("DBTOOL_CONNECT_TIMEOUT", "0.5")
    monkeypatch.setenv("ALEMBIC_CONFIG", "other.ini")
    monkeypatch.setenv("DBTOOL_LINT_SELECT", "all, x")
    monkeypatch.setenv("DBTOOL_LINT_PG", "17")
    settings = read(root)
    assert (settings.keys.lint_select, settings.keys.lint_pg) == (("all", "x"), 17)
    assert (settings.models, settings.engine) == (("a:Base", "b"), "a:engine")
    assert (settings.fail_on, settings.alembic_config) == (FailOn.NEVER, root / "other.ini")
    assert settings.target().parameter("connect_timeout") == "0.5"


def test_nothing_is_set(project: Write) -> None:
    """Defaults are defaults, and the missing database says how to name one."""
    settings = read(project())
    assert (settings.models, settings.engine, settings.alembic_config) == ((), None, None)
    assert (settings.has_target(), settings.notes) == (False, ())
    with pytest.raises(UsageError) as raised:
        settings.target()
    assert (raised.value.message, raised.value.detail, raised.value.hint) == (
        "no database is named",
        "",
        "Give --url, set DATABASE_URL, or write url under [tool.dbtool] in pyproject.toml.",
    )


def test_a_project_with_a_file_of_its_own(project: Write) -> None:
    """Hints name dbtool.toml, since a second place for the settings would be refused."""
    root = project(dbtool='models = "shop:Base"\n')
    with pytest.raises(UsageError) as raised:
        read(root).target()
    assert raised.value.hint == "Give --url, set DATABASE_URL, or write url in dbtool.toml."
    with pytest.raises(UsageError) as raised:
        read(root, env="live")
    assert raised.value.hint == 'Add it to dbtool.toml:\n[env.live]\nurl = "env:DATABASE_URL"'


def test_variables_of_libpq_alone_name_nothing(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are offered, and taken when the empty URL asks for them."""
    monkeypatch.setenv("PGHOST", "h")
    monkeypatch.setenv("PGDATABASE", "d")
    root = project()
    with pytest.raises(UsageError) as raised:
        read(root).target()
    assert raised.value.hint.endswith(
        "\nFor the one PG* variables name (PGHOST, PGDATABASE): --url postgresql://"
    )
    assert where(read(root, url="postgresql://")) == ("d", "--url with PGHOST, PGDATABASE")


def test_the_use_of_dotenv_is_noted(project: Write) -> None:
    """Where .env prevails over another place that is said; alone it surprises nobody."""
    root = project(env="export DATABASE_URL='postgresql://h/d'  # mine\n")
    assert read(root).notes == ()
    (root / "alembic.ini").write_text("[alembic]\nsqlalchemy.url = postgresql://h/other\n")
    assert read(root).notes == (
        "the database is the one .env DATABASE_URL names, not alembic.ini sqlalchemy.url",
    )
    assert read(root, url="postgresql://h/other").notes == ()


def test_a_misspelt_variable_is_noted(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """DBTOOL_* that nothing reads is most likely a mistake."""
    monkeypatch.setenv("DBTOOL_FAILON", "never")
    monkeypatch.setenv("DBTOOL_PG_BIN", "/nowhere")
    assert read(project()).notes == ("DBTOOL_FAILON is set, but dbtool has no such setting",)


def test_a_url_from_a_variable(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """`env:NAME` reads the process environment, then .env."""
    root = project(pyproject='[tool.dbtool]\nurl = "env:SHOP_DB"\n')
    with pytest.raises(UsageError) as raised:
        read(root).target()
    assert (raised.value.message, raised.value.detail) == (
        "the variable SHOP_DB is not set",
        "pyproject.toml [tool.dbtool] takes the database from it.",
    )
    project(env="SHOP_DB=postgresql://h/dotenv\n")
    assert where(read(root)) == ("dotenv", "pyproject.toml [tool.dbtool], from SHOP_DB")
    monkeypatch.setenv("SHOP_DB", "postgresql://h/process")
    assert where(read(root)) == ("process", "pyproject.toml [tool.dbtool], from SHOP_DB")


def test_a_dollar_is_not_expanded(project: Write) -> None:
    """The spelling of shells is answered with ours."""
    root = project(pyproject='[tool.dbtool]\nurl = "${SHOP_DB}"\n')
    with pytest.raises(UsageError) as raised:
        read(root).target()
    assert (raised.value.message, raised.value.hint) == (
        "pyproject.toml [tool.dbtool] does not expand variables",
        'Write "env:SHOP_DB" for SHOP_DB.',
    )


# Alembic -------------------------------------------------------------------------------


def test_alembic_ini_with_interpolation(project: Write) -> None:
    """%(here)s, defaults and doubled percent signs mean what they mean to Alembic."""
    root = project(
        ini="[DEFAULT]\nplace = h\n[alembic]\n"
        "sqlalchemy.url = postgresql://u:a%%40b@%(place)s/d?passfile=%(here)s/pass\n"
    )
    target = read(root).target()
    assert (target.password, target.host) == ("a@b", "h")
    assert target.parameter("passfile") == f"{root}/pass"


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (
            "driver://user:pass@localhost/dbname",
            "alembic.ini sqlalchemy.url is still the template's placeholder; not used",
        ),
        (
            "postgresql://%(DB_USER)s@h/d",
            'alembic.ini sqlalchemy.url needs "db_user", which only env.py may know; not used',
        ),
        (
            "postgresql://u:100%@h/d",
            "alembic.ini sqlalchemy.url has a % that is not doubled; not used",
        ),
    ],
)
def test_an_alembic_url_that_names_nothing(project: Write, line: str, note: str) -> None:
    """Placeholders and what env.py fills in later are no database, and are said to be none."""
    settings = read(project(ini=f"[alembic]\nsqlalchemy.url = {line}\n"))
    assert (settings.has_target(), settings.notes) == (False, (note,))
    with pytest.raises(UsageError) as raised:
        settings.target()
    assert raised.value.detail == f"{note}."


def test_another_section_of_alembic_ini(project: Write) -> None:
    """`--name` chooses the section."""
    root = project(ini=INI + "[second]\nsqlalchemy.url = postgresql://h/second\n")
    assert load(None, None, None, root, section="second").target().database == "second"


def test_alembic_in_pyproject(project: Write) -> None:
    """[tool.alembic] counts where the .ini file says nothing."""
    root = project(pyproject='[tool.alembic]\n"sqlalchemy.url" = "postgresql://h/toml"\n')
    assert where(read(root)) == ("toml", "[tool.alembic] sqlalchemy.url")
    project(ini=INI)
    assert where(read(root)) == ("from_ini", "alembic.ini sqlalchemy.url")


def test_the_flag_names_alembics_file(project: Write, tmp_path: Path) -> None:
    """`--config` is from the current directory and must exist."""
    root = project(pyproject=TABLE)
    elsewhere = tmp_path / "elsewhere" / "alembic.ini"
    elsewhere.parent.mkdir()
    elsewhere.write_text(INI)
    settings = read(root, config=elsewhere)
    assert (settings.alembic_config, settings.root) == (elsewhere, root)
    with pytest.raises(UsageError, match=r'there is no file "nope\.ini"'):
        read(root, config=Path("nope.ini"))


def test_a_broken_ini_does_not_show_its_lines(project: Write) -> None:
    """A line that cannot be read may hold a password."""
    root = project(ini="[alembic]\nx = 1\nx = postgresql://u:secret@h/d\n")
    with pytest.raises(UsageError) as raised:
        read(root)
    assert (raised.value.message, raised.value.detail) == (
        f'"{root}/alembic.ini" is not a valid .ini file',
        "DuplicateOptionError, line 3",
    )


# The project root ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "start", "root", "found_by"),
    [
        (("a/dbtool.toml", "alembic.ini"), "a/b", "a", "dbtool.toml"),
        (("alembic.ini", "a/pyproject.toml"), "a/b", ".", "alembic.ini"),
        (("a/alembic.ini", "dbtool.toml"), "a", "a", "alembic.ini"),
        (("pyproject.toml", "a/pyproject.toml"), "a/b", "a", "pyproject.toml"),
        ((), "a/b", ".", ".git"),
    ],
)
def test_the_project_root(
    project: Write, files: tuple[str, ...], start: str, root: str, found_by: str
) -> None:
    """The nearest settings for dbtool or Alembic, then pyproject.toml, then the repository."""
    top = project()
    (top / start).mkdir(parents=True)
    for name in files:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch()
    settings = read(top / start)
    assert (settings.root, settings.project.found_by) == (top / root, found_by)


def test_what_lies_above_the_repository_is_not_ours(project: Write, tmp_path: Path) -> None:
    """A stray settings file in the home directory names no database for every project."""
    (tmp_path / "dbtool.toml").write_text('url = "postgresql://h/stray"\n')
    assert read(project()).has_target() is False


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"pyproject": "[tool.dbtool\n"}, '"{root}/pyproject.toml" is not valid TOML'),
        ({"dbtool": "", "pyproject": TABLE}, "the settings stand in two places"),
        (
            {"pyproject": "[tool.dbtool]\nmodel = 'a'\n"},
            'pyproject.toml [tool.dbtool] has an unknown key "model"',
        ),
        (
            {"dbtool": "[env.x]\nprod = true\n"},
            'dbtool.toml [env.x] has an unknown key "prod"',
        ),
        (
            {"pyproject": "[tool.dbtool.env.x]\nproduction = 'yes'\n"},
            "pyproject.toml [tool.dbtool.env.x]: production must be true or false",
        ),
        (
            {"pyproject": "[tool.dbtool.env.x]\nproduction = true\ndevelopment = true\n"},
            "pyproject.toml [tool.dbtool.env.x] is marked both production and development",
        ),
        ({"pyproject": "[tool.dbtool]\nenv = 3\n"}, "pyproject.toml [tool.dbtool]: env must be"),
    ],
)
def test_a_settings_file_that_is_wrong(project: Write, files: dict[str, str], message: str) -> None:
    """The error names file, table and key."""
    root = project(**files)
    with pytest.raises(UsageError) as raised:
        read(root)
    assert raised.value.message.startswith(message.format(root=root))


def test_an_unknown_key_has_near_names(project: Write) -> None:
    """The hint is the key that was meant, or all of them."""
    root = project(pyproject="[tool.dbtool]\nfail-on = 'error'\n")
    with pytest.raises(UsageError) as raised:
        read(root)
    assert raised.value.hint == 'Did you mean "fail_on"?'
    project(pyproject="[tool.dbtool]\nzzz = 1\n")
    with pytest.raises(UsageError) as raised:
        read(root)
    assert raised.value.hint == (
        "Known keys: url, rescue_url, models, models_ignore, engine, alembic_config, fail_on,"
        " seeds, connect_timeout, lock_timeout, wait_lock, max_blocking, env, lint."
    )


def test_the_table_of_another_file(project: Write) -> None:
    """What is copied from pyproject.toml with its table is told apart from a misspelt key."""
    root = project(dbtool="[tool.dbtool]\nfail_on = 'error'\n")
    with pytest.raises(UsageError, match='unknown key "tool"') as raised:
        read(root)
    assert raised.value.hint == (
        "Keys stand in dbtool.toml without the table [tool.dbtool] around them."
    )


def test_a_blank_that_nobody_sees(project: Write) -> None:
    """The value looks right: what is wrong with it is said."""
    root = project(env='DBTOOL_FAIL_ON="warning "\n')
    with pytest.raises(UsageError, match="must be one of") as raised:
        read(root)
    assert raised.value.detail == "There is a blank before or behind the value."
    project(env="DBTOOL_FAIL_ON=loud\n")
    with pytest.raises(UsageError, match="must be one of") as raised:
        read(root)
    assert raised.value.detail == ""


@pytest.mark.parametrize(
    ("text", "shown"), [("1e1", "10"), ("-0.0", "0.0"), ("0.50", "0.50"), ("600", "600")]
)
def test_numbers_are_shown_as_people_write_them(project: Write, text: str, shown: str) -> None:
    """No exponent and no negative zero."""
    values = read(project(env=f"DBTOOL_WAIT_LOCK={text}\n")).values()
    assert [each.value for each in values if each.key == "wait_lock"] == [shown]


def test_the_name_of_a_variable_is_no_key(project: Write) -> None:
    """Keys have one name in the settings file."""
    root = project(pyproject="[tool.dbtool]\nDATABASE_URL = 'postgresql://h/d'\n")
    with pytest.raises(UsageError, match=r'\[tool\.dbtool\] has an unknown key "DATABASE_URL"'):
        read(root)


def test_the_name_of_a_key_is_no_variable(project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts have variables called url and env that are not meant for dbtool."""
    for name in ("url", "URL", "models", "engine", "env", "ENV", "database_url", "dbtool_url"):
        monkeypatch.setenv(name, "staging")
    sources = [each.source for each in read(project()).values()]
    assert sources == [*[""] * 6, *["default"] * 6, *[""] * 4, "default"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("models = 3", "dbtool.toml: models must be a text or a list of texts"),
        ("models = ['a:Base', 2]", "dbtool.toml: models.1 must be a text"),
        ("engine = ['a']", "dbtool.toml: engine must be a text"),
        ("url = ['postgresql://u:s3cret@h/d']", "dbtool.toml: url must be a text"),
        ("env.x = 3", "dbtool.toml [env.x] must be a table"),
        ("env.x.url = 3", "dbtool.toml [env.x]: url must be a text"),
        (
            "fail_on = 'fatal'",
            "dbtool.toml: fail_on must be one of note, warning, error, unknown, never",
        ),
        (
            "connect_timeout = 0",
            "dbtool.toml: connect_timeout must be a number of seconds, more than 0",
        ),
        ("lint = 3", "dbtool.toml: lint must be a table"),
        (
            "lint.pg = 14",
            "dbtool.toml [lint]: lint.pg must be a major version of PostgreSQL: 15, 16, 17 or 18",
        ),
        ("lint.select = 3", "dbtool.toml [lint]: lint.select must be a text or a list of texts"),
        ("lint.selct = 'x'", 'dbtool.toml [lint] has an unknown key "selct"'),
        ("lint_pg = 16", 'dbtool.toml has an unknown key "lint_pg"'),
        ("wait_lock = -1", "dbtool.toml: wait_lock must be a number of seconds, at least 0"),
        ("lock_timeout = 0", "dbtool.toml: lock_timeout must be a number of seconds, more than 0"),
        (
            "lock_timeout = 3600",
            "dbtool.toml: lock_timeout must be a number of seconds, less than 3600",
        ),
        ("lint.measure = 'maybe'", "dbtool.toml [lint]: lint.measure must be true or false"),
        ("lint.measure = [1]", "dbtool.toml [lint]: lint.measure must be true or false"),
        ("lint.measure = 5", "dbtool.toml [lint]: lint.measure must be true or false"),
        ("connect_timeout = true", "dbtool.toml: connect_timeout must be a number of seconds"),
        ("connect_timeout = '3s'", "dbtool.toml: connect_timeout must be a number of seconds"),
    ],
)
def test_a_value_of_the_wrong_kind(project: Write, line: str, message: str) -> None:
    """It is refused by place and key."""
    root = project(dbtool=f"{line}\n")
    with pytest.raises(UsageError) as raised:
        read(root)
    assert raised.value.message == message


@pytest.mark.parametrize("flag", ["url", "env"])
@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_flag_is_refused(project: Write, flag: str, text: str) -> None:
    """--url "$UNSET" never means the database of another place."""
    root = project(pyproject=TABLE)
    with pytest.raises(UsageError) as raised:
        read(root, **{flag: text})  # type: ignore[arg-type]
    assert raised.value.message == f"--{flag} is empty"


def test_a_line_of_dotenv_that_cannot_be_read(project: Write) -> None:
    """An open quote never means the database of another place; other lines are not our matter."""
    root = project(env='A=1\nDATABASE_URL="postgresql://h/d\n', pyproject=TABLE)
    with pytest.raises(UsageError) as raised:
        read(root)
    assert raised.value.message == f'cannot read line 2 of "{root / ".env"}"'
    project(env='A="1\nDATABASE_URL=postgresql://h/from_env\n')
    assert where(read(root)) == ("from_env", ".env DATABASE_URL")


# Named environments --------------------------------------------------------------------

ENVIRONMENTS = """
[tool.dbtool]
url = "postgresql://h/local"
[tool.dbtool.env.staging]
url = "postgresql://staging/shop"
[tool.dbtool.env.live]
url = "env:LIVE_URL"
production = true
[tool.dbtool.env.empty]
"""


def test_an_environment_fixes_the_database(project: Write) -> None:
    """It beats .env and the table, and brings its guard along."""
    root = project(
        pyproject=ENVIRONMENTS,
        env="DATABASE_URL=postgresql://h/dotenv\nLIVE_URL=postgresql://live/shop\n",
    )
    settings = read(root, env="staging")
    assert where(settings) == ("shop", "pyproject.toml [tool.dbtool.env.staging]")
    assert settings.notes == ()
    assert settings.values()[0].overrides == (".env DATABASE_URL", "pyproject.toml [tool.dbtool]")
    settings = read(root, env="live")
    assert where(settings) == ("shop", "pyproject.toml [tool.dbtool.env.live], from LIVE_URL")
    assert settings.chosen is not None
    assert settings.chosen.production is True


def test_an_environment_can_be_chosen_by_variable(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DBTOOL_ENV is the same as --env, which beats it."""
    root = project(pyproject=ENVIRONMENTS)
    monkeypatch.setenv("DBTOOL_ENV", "empty")
    assert where(read(root, env="staging"))[0] == "shop"
    with pytest.raises(UsageError, match='environment "empty" names no database'):
        read(root)


@pytest.mark.parametrize("place", ["DATABASE_URL", "DBTOOL_URL", "--url"])
def test_an_environment_against_another_url(
    project: Write, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Two names for different databases are never a silent choice."""
    root = project(pyproject=ENVIRONMENTS)
    other = "postgresql://ann:secret@h/elsewhere"
    if place != "--url":
        monkeypatch.setenv(place, other)
    with pytest.raises(UsageError) as raised:
        read(root, url=other if place == "--url" else None, env="staging")
    target = read(root, url="postgresql://staging/shop").target()
    assert (raised.value.message, raised.value.detail) == (
        f'{place} and environment "staging" name different databases',
        f"{place}: ann@h:5432/elsewhere\npyproject.toml [tool.dbtool.env.staging]: {target.shown}",
    )
    assert raised.value.exit == 2


def test_an_environment_beside_the_same_url(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same database named twice, once through its pooler, is no conflict."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://other@staging:6432/shop")
    assert where(read(project(pyproject=ENVIRONMENTS), env="staging"))[0] == "shop"


def test_no_variable_of_libpq_moves_an_environment(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment without a host means this machine, whatever PGHOST says."""
    root = project(pyproject='[tool.dbtool.env.dev]\nurl = "postgresql:///d"\ndevelopment = true\n')
    monkeypatch.setenv("PGHOST", "production.example")
    monkeypatch.setenv("PGPORT", "7777")
    monkeypatch.setenv("PGPASSWORD", "pw")
    target = read(root, env="dev").target()
    assert (target.host, target.port, target.password) == ("localhost", 5432, "pw")


def test_a_url_that_leads_into_an_environment_is_guarded_by_it(
    project: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --env the guard is found by the database, production first."""
    monkeypatch.setenv("LIVE_URL", "postgresql://ep-a-pooler.neon.tech/shop")
    root = project(
        pyproject=ENVIRONMENTS
        + '[tool.dbtool.env.dev]\nurl = "postgresql://ep-a.neon.tech/shop"\ndevelopment = true\n'
    )
    urls = "bob@ep-a.neon.tech/shop", "staging/shop", "h/local"
    all_settings = [read(root, url=f"postgresql://{url}") for url in urls]
    found = [environment_of(each, each.target()) for each in all_settings]
    assert [each.name for each in found] == ["live", "staging", ""]


def test_production_by_its_socket(project: Write) -> None:
    """A server marked by the name localhost is guarded also where its socket is named."""
    root = project(
        pyproject='[tool.dbtool.env.live]\nurl = "postgresql://localhost/shop"\nproduction = true\n'
    )
    settings = read(root, url="postgresql:///shop?host=/run/postgresql")
    marked = environment_of(settings, settings.target())
    assert marked is not None
    assert marked.production


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("stagin", 'Did you mean "staging"?'),
        ("zzz", "Known: staging, live, empty."),
    ],
)
def test_an_unknown_environment(project: Write, name: str, hint: str) -> None:
    """Near names, or the ones there are."""
    with pytest.raises(UsageError) as raised:
        read(project(pyproject=ENVIRONMENTS), env=name)
    assert (raised.value.message, raised.value.hint) == (
        f'no environment "{name}" in pyproject.toml [tool.dbtool]',
        hint,
    )


def test_no_secret_in_the_settings(project: Write) -> None:
    """Neither the settings nor their values show a password, however they are printed."""
    from dbtool.report import plain

    root = project(
        pyproject='[tool.dbtool]\nurl = "postgresql://u:s3cret@h/d"\n'
        '[tool.dbtool.env.x]\nurl = "postgresql://u:s3cret@h/x"\n',
        env="OTHER=s3cret\n",
    )
    settings = read(root)
    shown = (settings, settings.values(), settings.named_databases(), settings.environments)
    assert not [each for each in shown if "s3cret" in f"{each!r} {each}"]
    assert "s3cret" not in str(plain(settings.values() + settings.named_databases()))
