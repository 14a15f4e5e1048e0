"""Where in a revision file an operation is called: read off the Python stack."""

import linecache
import sys
from dataclasses import dataclass
from types import CodeType, FrameType

from alembic.operations import BatchOperations

_OPERATIONS = "alembic.op"
Span = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class CallSite:
    """The call in a revision that renders a statement; `source` is its text."""

    line: int = 0
    operation: str = ""
    source: str = ""


class Stack:
    """Looks for calls in revision files; remembers what it has read of their code."""

    def __init__(self) -> None:
        self._spans: dict[CodeType, tuple[Span, ...]] = {}

    def find(self, file: str) -> CallSite:
        """The innermost call that runs from a file; the empty one where none does."""
        frame: FrameType | None = sys._getframe(1)
        operation, above = "", None
        while frame is not None:
            if frame.f_code.co_filename == file:
                return self._site(frame, operation or _name_of(above))
            if frame.f_globals.get("__name__") == _OPERATIONS:
                operation = f"op.{frame.f_code.co_name}"
            frame, above = frame.f_back, frame
        return CallSite()

    def _site(self, frame: FrameType, operation: str) -> CallSite:
        span = self._span(frame)
        return CallSite(frame.f_lineno, operation, _source(frame, span))

    def _span(self, frame: FrameType) -> Span:
        code = frame.f_code
        spans = self._spans.get(code)
        if spans is None:
            spans = self._spans[code] = tuple(code.co_positions())
        place = frame.f_lasti // 2
        return spans[place] if place < len(spans) else (None, None, None, None)


def _name_of(callee: FrameType | None) -> str:
    """What a revision calls that is no plain operation."""
    if callee is None:
        return ""
    if isinstance(callee.f_locals.get("self"), BatchOperations):
        return f"batch_op.{callee.f_code.co_name}"
    name = callee.f_code.co_qualname
    if callee.f_globals.get("__name__") == f"{__package__}.standin":
        return f"connection.{callee.f_code.co_name}"
    return callee.f_code.co_name if "<" in name else name


def _source(frame: FrameType, span: Span) -> str:
    """The text of a call; its first line where Python does not know more."""
    lines = linecache.getlines(frame.f_code.co_filename)
    first, last, start, end = span
    if first is None or last is None or start is None or end is None or last > len(lines):
        return linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    if first == last:
        return lines[first - 1].encode()[start:end].decode()
    parts = [lines[first - 1].encode()[start:].decode(), *lines[first : last - 1]]
    return "".join([*parts, lines[last - 1].encode()[:end].decode()])
