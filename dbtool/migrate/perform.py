"""Run one function of a revision where it can only take notes, and say what stays unknown."""

import linecache
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

from alembic.script import Script
from sqlalchemy.exc import CompileError, NoInspectionAvailable, SAWarning

from dbtool.imports import without_passwords
from dbtool.migrate.absent import load_revision
from dbtool.migrate.recorder import Recorder, Unknown
from dbtool.migrate.remainder import Remainder, remainders
from dbtool.migrate.sealed import nothing_done
from dbtool.statement import Gap


def perform(script: Script, name: str, named: dict[str, Any], recorder: Recorder) -> bool:
    """Run a revision's `upgrade` or `downgrade`; what cannot be followed becomes a gap.

    False where the revision has no such function, or only one that refuses.
    """
    performance = _Performance(script.path, recorder)
    try:
        function = getattr(_module(script), name)
    except (Exception, SystemExit, Unknown) as error:
        performance.missed(error)
        return True
    if function is None:
        return False
    performance.run(lambda: function(**named))
    return bool(recorder.statements or recorder.gaps) or not performance.refused


class _Performance:
    """One function at work."""

    def __init__(self, file: str, recorder: Recorder) -> None:
        self.refused = False
        self._rests: dict[CodeType, Remainder] = {}
        self._file = file
        self._recorder = recorder

    def run(self, function: Callable[[], object]) -> None:
        """Run it as far as it goes, and after a gap what is certain all the same."""
        try:
            with nothing_done(), warnings.catch_warnings():
                # SQLAlchemy 2.0 takes the stand-in for an engine that began a transaction.
                warnings.filterwarnings("ignore", "The engine provided as bind", SAWarning)
                function()
        except (Unknown, NoInspectionAvailable, ImportError) as error:
            self.missed(error)
            before = len(self._recorder.statements)
            for rest in remainders(error.__traceback__, self._file, self._rests):
                self._rests[rest.function.__code__] = rest
                self.run(rest.run)
                for line in rest.left_out:
                    self._gap(line, "it depends on what is not known before it", before)
        except (Exception, SystemExit) as error:
            self.refused = _is_raised_by(error.__traceback__, self._file)
            if not self.refused or self._recorder.statements:
                self.missed(error)

    def missed(self, error: BaseException) -> None:
        """Note a gap where an error came from."""
        line = _line(error.__traceback__, self._file)
        self._gap(line, _reason(error), len(self._recorder.statements))

    def _gap(self, line: int, reason: str, after: int) -> None:
        gaps, gap = self._recorder.gaps, Gap(line, reason, after)
        if gap not in gaps:
            gaps.append(gap)
        elif (before := gaps[gaps.index(gap)].after) is not None and after < before:
            # What is met twice, as in a loop, counts from where it is met first.
            gaps[gaps.index(gap)] = gap


def _module(script: Script) -> ModuleType:
    """The revision's module; executed now where only its header was read so far."""
    module: ModuleType = script.module
    if not hasattr(module, "__file__"):
        module = script.module = load_revision(Path(script.path))
        with_both_ways(module)
    return module


def with_both_ways(module: ModuleType) -> None:
    """Let Alembic find both functions, also where the revision has but one."""
    for name in ("upgrade", "downgrade"):
        vars(module).setdefault(name, None)


def _line(trace: TracebackType | None, file: str) -> int:
    """The innermost line of the file that an error passed through."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _is_raised_by(trace: TracebackType | None, file: str) -> bool:
    """Whether the revision itself raised an error, which is a decision and no accident."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_code.co_filename != file:
        return False
    return linecache.getline(file, trace.tb_lineno).strip().startswith("raise")


def _reason(error: BaseException) -> str:
    if isinstance(error, Unknown):
        return error.reason
    if isinstance(error, NoInspectionAvailable):
        return "what follows depends on what the database holds"
    if isinstance(error, CompileError) and "it has no name" in str(error):
        return "it fails here: a constraint that has no name cannot be dropped"
    if isinstance(error, ImportError):
        return f"it imports what is not installed here: {error}"
    said = without_passwords(str(error).strip().partition("\n")[0])
    return f"{type(error).__name__}: {said}".rstrip(": ")
