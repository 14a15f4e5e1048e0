"""Run one function of a revision where it can only take notes, and say what stays unknown."""

from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from alembic.script import Script
from alembic.util import load_python_file
from sqlalchemy.exc import NoInspectionAvailable

from dbtool.imports import without_passwords
from dbtool.migrate.recorder import Recorder, Unknown
from dbtool.migrate.sealed import nothing_done
from dbtool.statement import Gap


def perform(script: Script, name: str, named: dict[str, Any], recorder: Recorder) -> None:
    """Run a revision's `upgrade` or `downgrade`; what stops it becomes a gap."""
    try:
        function = getattr(_module(script), name)
        with nothing_done():
            function(**named)
    except Unknown as error:
        recorder.gaps.append(Gap(_line(error.__traceback__, script.path), error.reason))
    except (Exception, SystemExit) as error:
        recorder.gaps.append(Gap(_line(error.__traceback__, script.path), _reason(error)))


def _module(script: Script) -> ModuleType:
    """The revision's module; executed now where only its header was read so far."""
    module: ModuleType = script.module
    if module.__dict__.get("upgrade") is None and not hasattr(module, "__file__"):
        path = Path(script.path)
        module = script.module = load_python_file(path.parent, path.name)
    return module


def _line(trace: TracebackType | None, file: str) -> int:
    """The innermost line of the file that an error passed through."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _reason(error: BaseException) -> str:
    if isinstance(error, NoInspectionAvailable):
        return "what follows depends on what the database holds (inspect)"
    said = without_passwords(str(error).strip().partition("\n")[0])
    return f"{type(error).__name__}: {said}".rstrip(": ")
