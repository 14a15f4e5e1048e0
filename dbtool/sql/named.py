"""Statements that a file gives names, as `-- name: find_user` above each."""

import re
from difflib import get_close_matches

from dbtool.errors import UsageError
from dbtool.report import listed

_NAME = re.compile(r"^[ \t]*--[ \t]*name:[ \t]*([\w.-]+)", re.M)


def only(text: str, name: str, file: str) -> str:
    """The text with nothing but what stands under a name, on the lines it stands on."""
    marks = list(_NAME.finditer(text))
    clean = [mark[1] for mark in marks]
    if name not in clean:
        near = get_close_matches(name, clean, n=3)
        has = f"It has {listed(clean, 5)}." if clean else "Names are written -- name: NAME."
        raise UsageError(
            f'{file} has no statement named "{name}"',
            hint=f"Did you mean {' or '.join(near)}?" if near else has,
        )
    place = clean.index(name)
    begin = marks[place].start()
    end = marks[place + 1].start() if place + 1 < len(marks) else len(text)
    return "\n" * text.count("\n", 0, begin) + text[begin:end]
