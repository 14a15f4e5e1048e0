"""Execute a revision file as Alembic does, and leave no bytecode where that does not pay."""

import os
import re
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source, module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

_WORTH_WRITING = 4096
"""Bytes of source whose bytecode saves by a single later use what writing it costs."""


def execute(path: Path) -> ModuleType:
    """The module of a revision file, under the name that Alembic gives it."""
    place = str(path)
    name = re.sub(r"\W", "_", path.name)
    loader = _Loader(name, place)
    spec = spec_from_file_location(name, place, loader=loader)
    assert spec is not None
    spec.cached = loader.cached
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


class _Loader(SourceFileLoader):
    """Compiles a file once for all databases; its module may depend on which one it is for."""

    def __init__(self, fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self.cached = cache_from_source(path)

    def get_code(self, fullname: str) -> CodeType | None:
        """What is executed."""
        found = os.stat(self.path)  # noqa: PTH116  (thousands ask for it)
        return _code(fullname, self.path, self.cached, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4096)
def _code(name: str, path: str, cached: str, _written: int, size: int) -> CodeType | None:
    """From the bytecode there is; a short file is compiled faster than its own is written."""
    loader = SourceFileLoader(name, path)
    if size > _WORTH_WRITING or os.path.exists(cached):  # noqa: PTH110
        return loader.get_code(name)
    return loader.source_to_code(loader.get_data(path), path)
