"""Leave out of every start what only a template of Alembic's that fails is shown with."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

_SHOWS_FAILURES = "mako.exceptions"
"""It imports a highlighter of sources, whose forty modules are an eighth of Alembic's own start."""


class _Later(MetaPathFinder):
    """Finds that one module, once, and has it executed when it is first used."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != _SHOWS_FAILURES:
            return None
        with suppress(ValueError):
            sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            assert spec.loader is not None
            spec.loader = LazyLoader(spec.loader)
        return spec


def leave_for_later() -> None:
    """To be called before Alembic is imported."""
    if _SHOWS_FAILURES not in sys.modules:
        sys.meta_path.insert(0, _Later())
