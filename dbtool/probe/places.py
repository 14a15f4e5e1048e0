"""Which lines of the application took a connection."""

import sys
import sysconfig
from pathlib import Path
from types import FrameType
from typing import Any

Place = tuple[tuple[str, int, str], ...]
"""File, line and function of a few frames, the innermost first."""

_MOST = 3
_DEPTH = 120
_MACHINERY, _LIBRARY, _OURS = range(3)
_ORM = ("sqlalchemy", "sqlmodel", "greenlet")
_PACKAGES = ("/site-packages/", "/dist-packages/")


class Places:
    """Tells frames of the application from those of libraries and of the machinery below it."""

    def __init__(self) -> None:
        self._kinds: dict[str, int] = {}
        paths = sysconfig.get_paths()
        self._standard = tuple({paths["stdlib"], paths["platstdlib"]})
        self._probe = str(Path(__file__).parent)

    def here(self) -> Place:
        """The innermost lines of the application that led here, or else of a library.

        The greenlet in which SQLAlchemy runs a synchronous call of asyncio code begins with that
        call; whoever awaits it stands in the frames of its parent.
        """
        ours: list[tuple[str, int, str]] = []
        others: list[tuple[str, int, str]] = []
        kinds = self._kinds
        above: Any = None
        frame: FrameType | None = sys._getframe(1)
        for _ in range(_DEPTH):
            if frame is None:
                above = _parent() if above is None else above.parent
                if above is None:
                    break
                frame = above.gr_frame
                continue
            code = frame.f_code
            kind = kinds.get(code.co_filename)
            if kind is None:
                kind = self._kind(frame)
            if kind == _OURS:
                ours.append((code.co_filename, frame.f_lineno, code.co_qualname))
                if len(ours) == _MOST:
                    break
            elif kind == _LIBRARY and len(others) < _MOST:
                others.append((code.co_filename, frame.f_lineno, code.co_qualname))
            frame = frame.f_back
        return tuple(ours or others)

    def _kind(self, frame: FrameType) -> int:
        file, kind = frame.f_code.co_filename, _OURS
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _ORM:
            kind = _MACHINERY
        elif any(each in file for each in _PACKAGES):
            kind = _LIBRARY
        elif file.startswith((*self._standard, self._probe, "<")):
            kind = _MACHINERY
        self._kinds[file] = kind
        return kind


def _parent() -> Any:
    """The greenlet that waits for the one that runs."""
    module = sys.modules.get("greenlet")
    return module.getcurrent().parent if module else None
