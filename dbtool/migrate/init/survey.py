"""What a project already has: Alembic, models, an engine, and where its URL comes from."""

import configparser
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dbtool.migrate.init.change import read
from dbtool.migrate.init.code import Code, scan
from dbtool.migrate.init.models import FoundModels, find_models
from dbtool.migrate.init.source import Source
from dbtool.migrate.init.source import read as read_source
from dbtool.migrate.location import Place, find, script_directory, version_directories
from dbtool.settings.project import ALEMBIC_INI, PYPROJECT
from dbtool.settings.project import find as find_project


@dataclass(frozen=True, slots=True)
class Environment:
    """An Alembic environment that is there; paths are relative to the project root."""

    config: str
    section: str
    sections: tuple[str, ...]
    directory: str | None
    revisions: int | None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a project has, found without running any of its code."""

    start: Path
    root: Path
    settings: str | None
    environment: Environment | None
    loose_environment: str | None
    others: tuple[str, ...]
    models: FoundModels
    engines: tuple[str, ...]
    variables: tuple[str, ...]
    source: str
    packages: tuple[str, ...]


def look(start: Path, config: Path | None = None) -> Survey:
    """Look at the project around a directory; `config` is Alembic's file where it was named."""
    found = find_project(start)
    root = start if found.found_by in ("", ".git") else found.root
    named = config or found.table.get("alembic_config")
    place, others = _find_alembic(root, named, in_toml=bool(found.alembic_table))
    if place is not None and named is None and (home := _home(place, root)) != root:
        return replace(look(home), start=start)
    environment = _describe(place, root) if place is not None else None
    loose = None if environment else _loose_environment(root)
    code, env = _read_code(root, place, environment.directory if environment else loose)
    return Survey(
        start=start,
        root=root,
        settings=found.table_source or None,
        environment=environment,
        loose_environment=loose,
        others=others,
        models=find_models(code, env),
        engines=tuple(f"{each.module}:{name}" for each in code.sources for name in each.engines),
        variables=_variables(code, env),
        source="src" if (root / "src").is_dir() else "",
        packages=_packages(root),
    )


def _home(place: Place, root: Path) -> Path:
    """The directory of a configuration below the root, where that is a project of its own."""
    script = script_directory(place)
    if place.ini is None or script is None:
        return root
    home = place.ini.parent
    marks = (home / name for name in (PYPROJECT, "setup.py", "setup.cfg", "requirements.txt"))
    packages = (path.parent for path in home.glob("*/__init__.py"))
    is_project = any(each.exists() for each in marks) or any(each != script for each in packages)
    return home if script.is_relative_to(home) and is_project else root


def _find_alembic(
    root: Path, named: object, *, in_toml: bool
) -> tuple[Place | None, tuple[str, ...]]:
    """The configuration, and others that were found where there is more than one."""
    if isinstance(named, str | Path):
        return _opened(root / named, root), ()
    if (root / ALEMBIC_INI).is_file():
        return _opened(root / ALEMBIC_INI, root), ()
    if in_toml:
        return _opened(root / PYPROJECT, root), ()
    inis = [*root.glob("*/alembic.ini"), *root.glob("*/*/alembic.ini")]
    inis = [each for each in inis if not each.relative_to(root).parts[0].startswith(".")]
    if len(inis) == 1:
        return _opened(inis[0], root), ()
    return None, tuple(sorted(str(each.relative_to(root)) for each in inis))


def _opened(config: Path, root: Path) -> Place:
    sections = list(_sections(config))
    section = None if not sections or "alembic" in sections else sections[0]
    return find(None, section, root, config)


def _sections(config: Path) -> Iterator[str]:
    """The sections of an .ini file that say where revisions are."""
    if config.suffix != ".ini":
        return
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read(config, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return
    yield from (each for each in parser.sections() if parser.has_option(each, "script_location"))


def _describe(place: Place, root: Path) -> Environment:
    in_ini = place.ini is not None and place.section in _sections(place.ini)
    config = place.ini if in_ini else place.toml
    assert config is not None
    directory = script_directory(place)
    return Environment(
        config=_within(config, root),
        section=place.section,
        sections=tuple(_sections(config)),
        directory=_within(directory, root) if directory is not None else None,
        revisions=_count_revisions(place),
    )


def _within(path: Path, root: Path) -> str:
    return os.path.relpath(path.absolute(), root)


def _count_revisions(place: Place) -> int | None:
    directories = version_directories(place)
    if directories is None or not any(each.is_dir() for each in directories):
        return None
    pattern = "**/*.py" if place.flag("recursive_version_locations") else "*.py"
    paths = {path for each in directories for path in each.glob(pattern)}
    return sum(path.name != "__init__.py" for path in paths)


def _loose_environment(root: Path) -> str | None:
    """An env.py that no configuration leads to: a part of a set-up somebody began."""
    for path in sorted([*root.glob("*/env.py"), *root.glob("*/*/env.py")]):
        text = read(path) or ""
        if "alembic" in text and not path.relative_to(root).parts[0].startswith("."):
            return path.parent.relative_to(root).as_posix()
    return None


def _read_code(root: Path, place: Place | None, script: str | None) -> tuple[Code, Source | None]:
    starts = [root / "src", root]
    if place is not None:
        starts = [*(place.base / each for each in place.paths("prepend_sys_path")), *starts]
    directories = sorted(
        {each.resolve() for each in starts if each.is_dir()}, key=lambda each: -len(each.parts)
    )
    if script is None:
        return scan(root.resolve(), directories), None
    env = read_source(root / script / "env.py", "env", is_package=False)
    return scan(root.resolve(), directories, [root / script]), env


def _variables(code: Code, env: Source | None) -> tuple[str, ...]:
    """Where the URL is read from; what env.py reads counts before what the code reads."""
    if env is not None and env.variables:
        return env.variables
    return tuple(sorted({name for each in code.sources for name in each.variables}))


def _packages(root: Path) -> tuple[str, ...]:
    home = root / "src" if (root / "src").is_dir() else root
    return tuple(
        sorted(
            path.parent.name
            for path in home.glob("*/__init__.py")
            if path.parent.name not in ("tests", "test", "docs")
        )
    )
