"""Where a team's package makes its engines, read from its source: nothing is imported for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from dbtool.metadata import Models
from dbtool.migrate.pythonfile import File, read
from dbtool.migrate.written import last_name

_MAKERS = ("create_engine", "create_async_engine")
_BESIDE = frozenset({"tests", "test", "migrations", "alembic", "versions", "site-packages"})
_MOST = 3000


def engine_calls(models: Models, here: Path) -> Iterator[tuple[File, ast.Call]]:
    """Each call that makes an engine; migrations and tests make their own, and are left out."""
    for path in sorted({path for each in models.sources for path in _files(each.file)}):
        try:
            found = b"create_" in path.read_bytes()
        except OSError:
            continue
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        file = read(path, str(shown)) if found else None
        if file is not None:
            yield from ((file, each) for each in _calls(file.tree))


def _files(models: Path | None) -> Iterator[Path]:
    """The files of the package that models are in; a module alone is all there is."""
    if models is None:
        return
    top = models.parent
    if not (top / "__init__.py").exists():
        yield models
        return
    while (top.parent / "__init__.py").exists():
        top = top.parent
    for number, path in enumerate(sorted(top.rglob("*.py"))):
        if number < _MOST and not _BESIDE & set(path.relative_to(top).parts[:-1]):
            yield path


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last_name(node.func) in _MAKERS:
            yield node
