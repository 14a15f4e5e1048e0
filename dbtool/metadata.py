"""Load a team's models: every MetaData and registry the `models` setting names."""

import configparser
import os
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import Mapper, registry

from dbtool.errors import UsageError
from dbtool.imports import follow, load_module, source_directory

T = TypeVar("T")

_OWN_FILE = "dbtool.toml"
_SETTING = 'models = "package.module:Base"'
_ACCEPTED = "a declarative Base, a SQLModel class, a MetaData, a registry, or a list of these"


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of the setting and the file it led to."""

    spec: str
    file: Path | None


@dataclass(frozen=True, slots=True)
class Models:
    """What the team's models say: tables by metadata, mapped classes by registry."""

    metadatas: tuple[MetaData, ...]
    registries: tuple[registry, ...]
    sources: tuple[Source, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table, by name."""
        found = (table for metadata in self.metadatas for table in metadata.tables.values())
        return tuple(sorted(found, key=lambda table: table.fullname))

    @property
    def mappers(self) -> tuple[Mapper[object], ...]:
        """Every mapped class's mapper, by class name."""
        found = {mapper for each in self.registries for mapper in each.mappers}
        return tuple(sorted(found, key=lambda mapper: mapper.class_.__name__))


def load(specs: Sequence[str], root: Path, alembic_config: Path | None = None) -> Models:
    """Import what the setting names and collect its metadata.

    Modules are found from the project root, from where Alembic's `prepend_sys_path` points
    and, where the project keeps its packages there, from `src/`. Raises UsageError, in the
    user's terms, for whatever goes wrong.
    """
    if not specs:
        own = (root / _OWN_FILE).exists()
        raise UsageError(
            "no models are named",
            detail=f"The settings of {root} do not say where the models are.",
            hint=f"Add to {_OWN_FILE if own else '[tool.dbtool] in pyproject.toml'}: {_SETTING}",
        )
    directories = search_path(root, alembic_config)
    found = [(spec, *_load_one(spec, directories)) for spec in specs]
    metadatas = _unique(metadata for _, _, held in found for metadata, _ in held)
    registries = _unique(each for _, _, held in found for _, each in held if each is not None)
    models = Models(
        metadatas=metadatas,
        registries=registries,
        sources=tuple(Source(spec, _file_of(module)) for spec, module, _ in found),
    )
    if not models.tables:
        raise UsageError(
            f'no table is registered in "{", ".join(specs)}"',
            detail="The metadata was found and is empty.",
            hint="Did the module import your models? Name the modules that define them: "
            'models = ["package.base:Base", "package.models"]',
        )
    return models


def search_path(root: Path, alembic_config: Path | None = None) -> tuple[Path, ...]:
    """Where modules are looked for before the environment.

    Alembic's entries, the root, and `src/` where it holds the packages.
    """
    bases = (root,) if alembic_config is None else (root, alembic_config.absolute().parent)
    entries = [base / entry for base in bases for entry in _prepended(root, alembic_config)]
    own = [root, source] if (source := source_directory(root)) else [root]
    return _unique(path.resolve() for path in [*entries, *own])


def _prepended(root: Path, config: Path | None) -> list[str]:
    pyproject = root / "pyproject.toml"
    if config is not None and config.suffix != ".toml" and config.is_file():
        return _prepended_by_ini(config)
    if pyproject.is_file():
        with pyproject.open("rb") as file:
            entries = tomllib.load(file).get("tool", {}).get("alembic", {})
        value = entries.get("prepend_sys_path", [])
        named = [value] if isinstance(value, str) else list(value)
        return [str(entry).replace("%(here)s", str(root)) for entry in named]
    return []


def _prepended_by_ini(config: Path) -> list[str]:
    parser = configparser.RawConfigParser()
    parser.read(config, encoding="utf-8")
    text = parser.get("alembic", "prepend_sys_path", fallback="")
    separator = parser.get("alembic", "path_separator", fallback="")
    by_name = {"os": os.pathsep, "newline": "\n", "space": " ", "colon": ":", "semicolon": ";"}
    parts = text.split(by_name[separator]) if separator in by_name else text.split()
    here = str(config.parent.resolve())
    return [part.strip().replace("%(here)s", here) for part in parts if part.strip()]


Held = tuple[MetaData, registry | None]


def _load_one(spec: str, directories: Sequence[Path]) -> tuple[ModuleType, list[Held]]:
    name, _, attribute = spec.partition(":")
    if "/" in name or name.endswith(".py"):
        dotted = name.removesuffix(".py").strip("./").replace("/", ".")
        raise UsageError(
            f'"{spec}" is a path, not a module',
            hint=f'Name it as it is imported: "{dotted}:{attribute or "Base"}"',
        )
    module = load_module(name, directories)
    if not attribute:
        return module, _search(module)
    held = _held(follow(module, attribute, spec, _candidates, _ACCEPTED), spec)
    return module, [*held, *_mapped_beside(module, [metadata for metadata, _ in held])]


def _mapped_beside(module: ModuleType, metadatas: Sequence[MetaData]) -> list[Held]:
    """The registries in the same module that map onto a metadata named alone."""
    beside = [_held(getattr(module, name), module.__name__)[0] for name in _candidates(module)]
    return [held for held in beside if any(held[0] is metadata for metadata in metadatas)]


def _held(value: object, spec: str) -> list[Held]:
    """The metadata, and the registry when there is one, behind a value of the setting."""
    if isinstance(value, list | tuple):
        return [held for item in value for held in _held(item, spec)]
    if isinstance(value, MetaData):
        return [(value, None)]
    metadata = getattr(value, "metadata", None)
    if not isinstance(metadata, MetaData):
        kind = value.__name__ if isinstance(value, type) else type(value).__name__
        raise UsageError(
            f'"{spec}" holds no metadata',
            detail=f"It is {'the class ' if isinstance(value, type) else 'of type '}{kind}.",
            hint=f"The setting names {_ACCEPTED}.",
        )
    if isinstance(value, registry):
        return [(metadata, value)]
    known = getattr(value, "registry", None) or getattr(value, "_sa_registry", None)
    return [(metadata, known if isinstance(known, registry) else None)]


def _search(module: ModuleType) -> list[Held]:
    """What a module named without an attribute holds; it must be one metadata."""
    named = [(name, getattr(module, name)) for name in _candidates(module)]
    held = [(name, _held(value, module.__name__)[0]) for name, value in named]
    metadatas = _unique(metadata for _, (metadata, _) in held)
    if len(metadatas) > 1 and len(filled := [each for each in metadatas if each.tables]) == 1:
        metadatas = (filled[0],)
    if len(metadatas) == 1:
        return [each for _, each in held if each[0] is metadatas[0]]
    choices = [next(n for n, (metadata, _) in held if metadata is each) for each in metadatas]
    listed = " or ".join(f'"{module.__name__}:{name}"' for name in choices)
    raise UsageError(
        f'"{module.__name__}" holds {"several metadata" if held else "no metadata"}',
        detail=f"The module is {_file_of(module)}.",
        hint=f"Name one: {listed}" if held else f"The setting names {_ACCEPTED}: {_SETTING}",
    )


def _candidates(module: ModuleType) -> list[str]:
    """The names in a module that lead to a metadata, bases before mapped classes."""

    def leads(value: object) -> bool:
        held = value if isinstance(value, MetaData) else getattr(value, "metadata", None)
        return isinstance(held, MetaData)

    names = [name for name, value in vars(module).items() if name[0] != "_" and leads(value)]
    return sorted(names, key=lambda name: (hasattr(getattr(module, name), "__table__"), name))


def _file_of(module: ModuleType) -> Path | None:
    return Path(module.__file__) if module.__file__ else None


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    found: list[T] = []
    for item in items:
        if not any(item is other or item == other for other in found):
            found.append(item)
    return tuple(found)
