"""The Python files of a project as modules: what each defines, and what importing it imports."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dbtool.migrate.init.source import Source, read

_SKIPPED = frozenset(
    {"node_modules", "site-packages", "build", "dist", "tests", "test", "docs", "venv", "env"}
)
_TELLING = (
    b"model",
    b"sqlalchemy",
    b"sqlmodel",
    b"__tablename__",
    b"environ",
    b"getenv",
    b"BaseSettings",
)
_MOST_FILES = 50_000
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Code:
    """Every module of a project that may have to do with its database."""

    sources: tuple[Source, ...]

    @cached_property
    def by_module(self) -> dict[str, Source]:
        """The modules by their dotted names."""
        return {source.module: source for source in self.sources}

    def reached_from(self, module: str) -> frozenset[str]:
        """The project's modules that run when a module is imported, itself among them."""
        found: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            for parent in _with_parents(name):
                if parent not in found and parent in self.by_module:
                    found.add(parent)
                    waiting += self._imported_by(self.by_module[parent])
        return frozenset(found)

    def _imported_by(self, source: Source) -> Iterator[str]:
        for each in source.imports:
            yield each.module
            if each.name and each.name != "*":
                yield f"{each.module}.{each.name}"

    def origin(self, module: str, name: str) -> tuple[str, str] | None:
        """Where a name that a module binds comes from; None where the module binds no such name.

        A name from outside the project is followed to its import and no further.
        """
        seen: set[str] = set()
        while module in self.by_module and f"{module}:{name}" not in seen:
            seen.add(f"{module}:{name}")
            source = self.by_module[module]
            if name in (*source.bases, *source.tables, *source.metadatas):
                return module, name
            found = source.imported(name)
            if found is None:
                return self._starred(source, name)
            if not found.name:
                return None
            module, name = found.module, found.name
        return module, name

    def _starred(self, source: Source, name: str) -> tuple[str, str] | None:
        inside = (each.module for each in source.imports if each.name == "*")
        found = (self.origin(each, name) for each in inside if each in self.by_module)
        return next((each for each in found if each is not None), None)


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def scan(root: Path, directories: Sequence[Path], without: Sequence[Path] = ()) -> Code:
    """Read the files below `root`; `directories` are where imports begin, nearest first."""
    paths = _python_files(root, frozenset(path.resolve() for path in without))
    read_all = (_read(path, directories) for path in paths)
    return Code(tuple(source for source in read_all if source is not None))


def _python_files(root: Path, without: frozenset[Path]) -> Iterator[Path]:
    count = 0
    for directory, subdirectories, names in os.walk(root):
        here = Path(directory)
        count += len(names) + 1
        if count > _MOST_FILES:
            return
        subdirectories[:] = sorted(
            name for name in subdirectories if _is_ours(here / name) and here / name not in without
        )
        yield from (here / name for name in sorted(names) if name.endswith(".py"))


def _is_ours(directory: Path) -> bool:
    name = directory.name
    if name.startswith((".", "__")) or name in _SKIPPED or name.endswith(".egg-info"):
        return False
    return not (directory / "pyvenv.cfg").exists()


def _read(path: Path, directories: Sequence[Path]) -> Source | None:
    start = next((each for each in directories if path.is_relative_to(each)), None)
    if start is None or path.name.startswith("test_") or path.name == "conftest.py":
        return None
    is_package = path.name == "__init__.py"
    parts = path.relative_to(start).with_suffix("").parts
    parts = parts[:-1] if is_package else parts
    if not parts or not all(part.isidentifier() for part in parts):
        return None
    if not is_package and not _may_tell(path):
        return None
    return read(path, ".".join(parts), is_package)


def _may_tell(path: Path) -> bool:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return False
        content = path.read_bytes()
    except OSError:
        return False
    return any(word in content for word in _TELLING)
