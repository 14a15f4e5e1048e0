"""Execute a revision file as Alembic does, and leave no bytecode where that does not pay."""

import re
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

_WORTH_WRITING = 4096
"""Bytes of bytecode from which a single later use saves what writing it costs."""


def execute(path: Path) -> ModuleType:
    """The module of a revision file, under the name that Alembic gives it."""
    name = re.sub(r"\W", "_", path.name)
    loader = _Loader(name, str(path))
    spec = spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


class _Compiler(SourceFileLoader):
    """Uses the bytecode there is; a short file is compiled faster than its own is written."""

    def set_data(self, path: str, data: bytes, *, _mode: int = 0o666) -> None:  # type: ignore[override]
        """Write bytecode."""
        if len(data) > _WORTH_WRITING:
            super().set_data(path, data, _mode=_mode)


class _Loader(SourceFileLoader):
    """Compiles a file once for all databases; its module may depend on which one it is for."""

    def get_code(self, fullname: str) -> CodeType | None:
        """What is executed."""
        found = Path(self.path).stat()
        return _code(fullname, str(self.path), found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4096)
def _code(name: str, path: str, _written: int, _size: int) -> CodeType | None:
    return _Compiler(name, path).get_code(name)
