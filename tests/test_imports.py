"""What is imported when, and which modules may touch the process itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from dbtool.database.target import Target

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dbtool"
SHELL = {"typer", "dbtool.cli"}
KERNEL = {"dbtool", "dbtool.errors", "dbtool.finding", "dbtool.report", "dbtool.severity"}
HEAVY = {"alembic", "asyncio", "asyncpg", "postgast", "rich", "sqlalchemy", "sqlparse"}
HEAVY |= {"pydantic_settings"}
# From 0.29 on typer loads pydantic itself.
HEAVY |= {"pydantic"} if version("typer") < "0.29" else set()

LOADED = """
import atexit, sys
sys.argv = ["dbtool", *sys.argv[1:]]
atexit.register(lambda: print("\\0", *filter(sys.modules.get, sys.modules), file=sys.stderr))
from dbtool.cli.app import main
main()
"""


def modules(tmp_path: Path, *arguments: str, env: dict[str, str] | None = None) -> set[str]:
    """The modules a run of the program has imported by its end."""
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    _, _, names = ran.stderr.rpartition("\0")
    assert names, ran.stderr
    return set(names.split())


def loaded(tmp_path: Path, *arguments: str, env: dict[str, str] | None = None) -> set[str]:
    """The top-level packages of those modules."""
    return {name.partition(".")[0] for name in modules(tmp_path, *arguments, env=env)}


def test_importing_the_package_costs_nothing() -> None:
    """`import dbtool` imports nothing else."""
    script = "import sys; had = set(sys.modules); import dbtool; print(*(set(sys.modules) - had))"
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "dbtool\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--help",),
        ("upgrade", "--help"),
        ("no-such-command",),
        ("rules",),
        ("rules", "--json"),
        ("rules", "--format", "markdown"),
    ],
)
def test_light_commands(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Help, mistakes and documentation load no database driver, no ORM and no rich."""
    assert loaded(tmp_path, *arguments) & HEAVY == set()


@pytest.mark.parametrize("words", [(), ("upgrade",), ("lint",)])
def test_a_help_page_makes_no_report(tmp_path: Path, words: tuple[str, ...]) -> None:
    """What a command reports with is loaded when it runs, not when its options are read."""
    names = modules(tmp_path, *words, "--help")
    assert ("dbtool.cli.migrate" in names) is bool(words)
    assert names & {"dbtool.report", "dbtool.finding"} == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("line", ["dbtool ", "dbtool rules --"])
def test_completion_is_light(tmp_path: Path, shell: str, line: str) -> None:
    """Completing names and flags loads nothing heavy either, in any shell, and names no family."""
    variables = {
        "_DBTOOL_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    names = modules(tmp_path, env=variables)
    assert names & HEAVY == set()
    assert ("dbtool.cli.rules" in names) is ("rules" in line)
    assert "dbtool.cli.upgrade" not in names


ORDINARY = """
[tool.dbtool]
models = "shop.models:Base"
fail_on = "warning"
connect_timeout = 5
lock_timeout = 0.5
lint = { ignore = ["table-dropped"], pg = 16 }
env = { live = { url = "env:LIVE_URL", production = true } }
"""


ENV = """
from alembic import context
from sqlalchemy import engine_from_config, pool

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture
def ordinary(tmp_path: Path) -> Path:
    """A project with a word in every place that may hold settings."""
    versions = f"{ROOT}/migrations/versions"
    ini = f"[alembic]\nscript_location = .\nversion_locations = {versions}\npath_separator = os\n"
    files = {"pyproject.toml": ORDINARY, "alembic.ini": ini, "env.py": ENV}
    files |= {".env": "LIVE_URL=postgresql://live.example/shop\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "words", ["now", "locks", "pool", "heads", "history", "status", "upgrade -y"]
)
def test_small_commands_load_nothing_heavy(ordinary: Path, migrated: Target, words: str) -> None:
    """They read the settings, and speak to the server, without a library that costs as much."""
    names = modules(ordinary, *words.split(), env={"DATABASE_URL": migrated.sqlalchemy_url()})
    assert names & HEAVY <= {"asyncio", "asyncpg"}
    assert ("asyncpg" in names) is (words not in ("heads", "history"))
    assert names.isdisjoint({"dbtool.health.doctor.relations", "dbtool.health.top"})


def test_a_doctor_loads_no_parser(ordinary: Path, migrated: Target) -> None:
    """What it finds is read from the catalog, and is no SQL of anybody."""
    names = modules(ordinary, "doctor", env={"DATABASE_URL": migrated.sqlalchemy_url()})
    assert names & HEAVY <= {"asyncio", "asyncpg"}


def test_an_upgrade_loads_no_highlighter(ordinary: Path, database: Target) -> None:
    """What Alembic shows a broken template with is loaded when there is one."""
    variables = {"DATABASE_URL": database.sqlalchemy_url("psycopg")}
    names = modules(ordinary, "upgrade", "-y", env=variables)
    assert "alembic.script.base" in names
    assert {name for name in names if name.partition(".")[0] == "pygments"} == set()


def test_doubtful_settings_are_left_to_pydantic(ordinary: Path) -> None:
    """What is not plainly of its kind loads the library that decides."""
    variables = {"DATABASE_URL": "postgresql://h/d", "DBTOOL_CONNECT_TIMEOUT": "1e1"}
    assert "pydantic_settings" in loaded(ordinary, "config", env=variables)


def test_on_call_command_that_works_loads_nothing_of_failures(
    tmp_path: Path, database: Target
) -> None:
    """What explains why nobody could log in is loaded when nobody could."""
    names = modules(tmp_path, "pool", "--url", database.sqlalchemy_url())
    assert names & {"dbtool.database.login", "dbtool.database.refusal"} == set()
    closed = modules(tmp_path, "pool", "--url", "postgresql://127.0.0.1:1/none")
    assert "dbtool.database.login" in closed


PLAN = '[{"Plan": {"Node Type": "Result", "Startup Cost": 0, "Total Cost": 0.01, "Plan Rows": 1}}]'


@pytest.mark.parametrize(
    "arguments", [("local", "status"), ("explain", "--from-plan", "plan.json")]
)
def test_what_needs_no_settings_reads_none(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A wrong value in them must not keep anybody from what does not depend on them."""
    (tmp_path / "plan.json").write_text(PLAN)
    assert "dbtool.settings.values" not in modules(tmp_path, *arguments)
    assert "dbtool.settings.values" in modules(tmp_path, "config")


def files() -> Iterator[Path]:
    """Every module of the package, but not the templates it writes for others."""
    yield from (path for path in PACKAGE.rglob("*.py") if "templates" not in path.parts)


PROCESS = ("print(", "input(", "exit", "quit(", "stdout")


def uses_of_the_process(tree: ast.AST) -> Iterator[str]:
    """Where a module prints, asks, ends the process or takes its stdout."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="print" | "input" | "exit" | "quit" as name)):
                yield name
            case ast.Attribute(
                value=ast.Name(id="sys"), attr="stdout" | "__stdout__" | "exit" as name
            ):
                yield f"sys.{name}"


def test_one_module_owns_the_process() -> None:
    """Only cli/output.py prints, asks, ends the process or touches stdout."""
    found = {
        str(path.relative_to(PACKAGE)): sorted(uses)
        for path in files()
        if any(name in (text := path.read_text()) for name in PROCESS)  # to parse all takes long
        and (uses := set(uses_of_the_process(ast.parse(text))))
    }
    assert found == {"cli/output.py": ["sys.exit", "sys.stdout"]}


def imports_at_the_top(tree: ast.Module) -> Iterator[str]:
    """The modules a file imports when it is imported itself; not those for type checking."""
    for node in tree.body:
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module)):
                yield module


def test_command_files_import_families_inside() -> None:
    """A file of `cli` imports at its top only typer, the standard library, cli and kernel types."""
    allowed = sys.stdlib_module_names | {"typer"}
    wrong = [
        (path.name, name)
        for path in (PACKAGE / "cli").glob("*.py")
        for name in imports_at_the_top(ast.parse(path.read_text()))
        if name.partition(".")[0] not in allowed
        and name not in KERNEL
        and not name.startswith("dbtool.cli")
    ]
    assert wrong == []


def test_kernel_is_standard_library_only() -> None:
    """The kernel imports the standard library and itself."""
    for name in ("errors", "severity", "finding", "report", "ports"):
        tree = ast.parse((PACKAGE / f"{name}.py").read_text())
        outside = {each.partition(".")[0] for each in imports_at_the_top(tree)} - {"dbtool"}
        assert outside <= sys.stdlib_module_names
