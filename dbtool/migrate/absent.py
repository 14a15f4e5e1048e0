"""Execute a revision file also where it imports what is not installed here.

Whoever lints has not always installed the application; what an import would have given is a
placeholder, and only a revision that uses it cannot be followed.
"""

import __future__

import ast
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

from alembic.util import load_python_file

from dbtool.migrate.recorder import Unknown

_LOGS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})


class Absent:
    """What could not be imported."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in _LOGS:
            return _say_nothing
        raise Unknown(self._reason)

    def __call__(self, *_: object, **__: object) -> Any:
        """Nobody knows what it would do."""
        raise Unknown(self._reason)

    # Nor what stands in its text, how long it is, or whether it is like something else.
    __repr__ = __format__ = __len__ = __iter__ = __int__ = __index__ = __fspath__ = __call__
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __enter__ = __exit__ = __call__
    __mro_entries__ = __call__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __call__
    __truediv__ = __rtruediv__ = __floordiv__ = __call__
    __hash__ = object.__hash__

    def __getitem__(self, _: object) -> Self:
        """It may be part of an annotation."""
        return self

    __or__ = __ror__ = __getitem__


def _say_nothing(*_: object, **__: object) -> None:
    """Stands for a log that nobody reads here."""


def load_revision(path: Path) -> ModuleType:
    """The module of a revision file."""
    try:
        return load_python_file(path.parent, path.name)
    except (Exception, SystemExit) as error:
        if not _fails_to_import(error.__traceback__, path):
            raise
    return _load_with_placeholders(path)


def _fails_to_import(trace: TracebackType | None, path: Path) -> bool:
    """Whether an import at the top of the file is where the error came from."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
            imports = (each for each in _tree(path).body if _is_import(each))
            return any(each.lineno <= line <= (each.end_lineno or line) for each in imports)
        trace = trace.tb_next
    return False


def _load_with_placeholders(path: Path) -> ModuleType:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    flags = 0
    tree = _tree(path)
    vars(module)["__doc__"] = ast.get_docstring(tree, clean=False)
    for statement in tree.body:
        code = compile(ast.Module([statement], []), str(path), "exec", flags, dont_inherit=True)
        flags |= code.co_flags & _FUTURE
        try:
            exec(code, vars(module))
        except Unknown as error:
            vars(module).update(dict.fromkeys(_assigned(statement), Absent(error.reason)))
        except (Exception, SystemExit) as error:
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                raise
            vars(module).update(_placeholders(statement, error))
    return module


_FUTURE = __future__.annotations.compiler_flag


def _placeholders(statement: ast.Import | ast.ImportFrom, error: BaseException) -> dict[str, Any]:
    named = [each.name for each in statement.names]
    module = (statement.module or "") if isinstance(statement, ast.ImportFrom) else ", ".join(named)
    reason = f"it uses {module}, which cannot be imported here ({type(error).__name__})"
    names = (each.asname or each.name.partition(".")[0] for each in statement.names)
    return {name: Absent(reason) for name in names}


def _assigned(statement: ast.stmt) -> set[str]:
    """What a statement at the top of the file would have bound."""
    nodes = [each for each in ast.walk(statement) if isinstance(each, ast.Name)]
    found = {each.id for each in nodes if isinstance(each.ctx, ast.Store)}
    return found | {statement.name} if isinstance(statement, _NAMED) else found


_NAMED = (ast.ClassDef, ast.FunctionDef)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


def _is_import(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Import | ast.ImportFrom)
