"""Run a team's own env.py, as Alembic's command line would."""

import ast
import io
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from contextlib import chdir, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alembic.config import CommandLine, Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError

from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import DbtoolError, OperationError, ProjectError, UsageError
from dbtool.imports import source_directory
from dbtool.interrupts import uninterrupted
from dbtool.migrate.destination import synchronous_driver
from dbtool.migrate.drafts import with_drafts
from dbtool.migrate.given import remember
from dbtool.migrate.listener import Listener, Stop
from dbtool.migrate.location import script_directory
from dbtool.migrate.project import Project, open_project

__all__ = ["Loaded", "Project", "load", "open_project", "run"]

Work = Callable[[tuple[str, ...], MigrationContext], Iterable[RevisionStep]]

_URL = "sqlalchemy.url"
_BUILDERS = frozenset(
    {"create_engine", "create_async_engine", "engine_from_config", "async_engine_from_config"}
)
_ASYNC = re.compile(r"\b(?:async_engine_from_config|create_async_engine|AsyncEngine|run_sync)\b")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Alembic's own objects for one run; env.py may change them, so they serve once."""

    project: Project
    config: Config
    script: ScriptDirectory


def load(project: Project, words: tuple[str, ...], buffer: io.StringIO | None = None) -> Loaded:
    """Read the configuration as Alembic does, for one of its commands given as words.

    `buffer` receives what offline mode renders.
    """
    place = project.place
    config = Config(
        file_=place.ini,
        toml_file=place.toml,
        ini_section=place.section,
        cmd_opts=command_options(project, words),
        output_buffer=buffer,
    )
    if not config.file_config.has_section(place.section):
        config.file_config.add_section(place.section)
    _name_database(project, config, offline=buffer is not None)
    if project.only is not None:
        config.set_main_option("databases", project.only.replace("%", "%%"))
    _find_sources(place.base, project.root)
    with chdir(place.base):
        try:
            script = with_drafts(ScriptDirectory.from_config(config), project.drafts)
            script._generate_template = uninterrupted()(script._generate_template)  # type: ignore[method-assign]
            _make_absolute(config.get_prepend_sys_paths_list() or [])
            return Loaded(project, config, script)
        except (CommandError, ImportError, ValueError) as error:
            raise _unusable(project, error) from error


def _find_sources(base: Path, root: Path) -> None:
    """Let env.py import what lies in the project, behind everything else it could import.

    `python -m alembic` looks where it runs, and an installed project is found in `src/`.
    """
    for each in (base, root, source_directory(root)):
        if each is not None and str(each.absolute()) not in sys.path:
            sys.path.append(str(each.absolute()))


def _make_absolute(prepended: list[str]) -> None:
    """Python remembers what it found below `.`, whatever the directory was then.

    They stay in front, where another entry for the same directory would come too late.
    """
    count = len(prepended)
    ours = dict.fromkeys(str(Path(each).absolute()) for each in sys.path[:count])
    sys.path[:] = [*ours, *(each for each in sys.path[count:] if each not in ours)]


def _unusable(project: Project, error: Exception) -> UsageError:
    """Something in the configuration that Alembic cannot work with."""
    told = str(error).strip().rstrip(".")
    hint = "A package in script_location is found through prepend_sys_path."
    is_import = isinstance(error, ImportError)
    return UsageError(
        f"{project.place.shown} cannot be used", detail=told, hint=hint if is_import else ""
    )


def command_options(project: Project, words: tuple[str, ...]) -> Namespace:
    """What Alembic's own parser makes of the command; env.py may read any of it."""
    place = project.place
    options = [part for file in place.named for part in ("-c", file)]
    options += ["-n", place.section] if place.section != "alembic" else []
    options += [f"-x{each}" for each in project.x]
    return CommandLine(prog="alembic").parser.parse_args([*options, *project.flags, *words])


def _name_database(project: Project, config: Config, *, offline: bool) -> None:
    """Tell env.py the named database where it reads the URL from its configuration.

    Offline rendering needs a dialect and no database.
    """
    written = config.get_main_option(_URL) or str(config.toml_alembic_config.get(_URL) or "")
    url = _url_to_give(project, written)
    if url is None and offline and not _driver_name(written):
        url = f"postgresql+{synchronous_driver()}://"
    if url is not None:
        config.set_main_option(_URL, url.replace("%", "%%"))


def _url_to_give(project: Project, written: str) -> str | None:
    name = _driver_name(written)
    target = project.target
    if target is None or (name and _already_leads_to(written, target)):
        return None
    driver = name or f"postgresql+{_likely_driver(project)}"
    plain = target.sqlalchemy_url(driver.partition("+")[2] or "psycopg")
    return driver + plain[plain.index("://") :]


def _driver_name(url: str) -> str | None:
    """The `postgresql+driver` of a URL; None for a template's placeholder or another kind."""
    try:
        name = make_url(url).drivername
    except ArgumentError:
        return None
    return name if name.partition("+")[0] == "postgresql" else None


def _already_leads_to(url: str, target: Target) -> bool:
    try:
        written = parse(url, _URL)
    except UsageError:
        return False
    return replace(written, source="", driver=None) == replace(target, source="", driver=None)


def _likely_driver(project: Project) -> str:
    """The driver env.py's engine needs, where no URL of the project names one."""
    directory = script_directory(project.place)
    if directory is not None and _ASYNC.search((directory / "env.py").read_text("utf-8")):
        return "asyncpg"
    return synchronous_driver()


def run(loaded: Loaded, work: Work, listener: Listener, **options: Any) -> None:
    """Run env.py; `work` gives it the steps, `listener` hears of its connections."""
    environment = EnvironmentContext(loaded.config, loaded.script, fn=work, **options)
    _hear_of_connection(environment, listener)
    with chdir(loaded.project.place.base), suppress(Stop), listener, environment:
        try:
            loaded.script.run_env()
        except (Exception, SystemExit) as error:
            if listener.begun:
                raise
            raise _unstarted(error, loaded) from error


def _unstarted(error: BaseException, loaded: Loaded) -> DbtoolError:
    """Before env.py connects, its own code is at fault, or nobody told it the database."""
    from dbtool.migrate.failure import Scene, explain
    from dbtool.migrate.record import Record

    told = explain(error, Scene(Record(), "", Path(loaded.script.env_py_location)))
    if not isinstance(told, OperationError):
        return told
    written = loaded.config.get_main_option(_URL)
    written = written or str(loaded.config.toml_alembic_config.get(_URL) or "")
    is_named = loaded.project.target is not None or _driver_name(written) is not None
    if is_named or isinstance(error, ImportError | SyntaxError | NameError):
        return ProjectError(told.message, detail=told.detail, hint=told.hint)
    return UsageError(
        "env.py failed, and no database is named",
        detail=told.detail,
        hint="Give --url, set DATABASE_URL, or write url into the settings (dbtool config).",
    )


def _hear_of_connection(environment: EnvironmentContext, listener: Listener) -> None:
    """env.py may hand Alembic a connection that was opened before we listened.

    What it gives to the revisions is kept too.
    """
    configure = environment.configure

    def heard(connection: Connection | None = None, **options: Any) -> None:
        listener.begun = True
        listener.configured(connection)
        configure(connection=connection, **options)

    environment.configure = heard  # type: ignore[method-assign, assignment]
    migrate = environment.run_migrations

    def migrated(**given: Any) -> None:
        remember(environment.get_context(), given)
        listener.reads_versions()
        migrate(**given)

    environment.run_migrations = migrated  # type: ignore[method-assign]


def builds_several_engines(project: Project) -> bool:
    """Whether the source of env.py builds more than one engine, or one in a loop."""
    directory = script_directory(project.place)
    if directory is None:
        return False
    try:
        tree = ast.parse((directory / "env.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return _engines(tree, in_loop=False) > 1


def _engines(node: ast.AST, *, in_loop: bool) -> int:
    """How many engines a source builds; in a loop it is more than one."""
    in_loop = in_loop or isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.comprehension)
    in_loop = in_loop or isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp)
    here = 0
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        here = (2 if in_loop else 1) if name in _BUILDERS else 0
    return here + sum(_engines(each, in_loop=in_loop) for each in ast.iter_child_nodes(node))
