"""Take off what psql, a log or a copy from a window puts around a plan."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

_FRAME = re.compile(
    r"[\s|│║]*(?:QUERY PLAN|[-+=]{3,}|[-+─┌┐└┘├┤┬┴┼═╔╗╚╝╟╢╠╣]{3,}|-\[ RECORD \d+ \][-+]*"
    r"|\(\d+ \w+\)|Time: [\d.,]+ ms.*|EXPLAIN)[\s|│║+]*"
)
_HEADING = "QUERY PLAN"
_TITLE = re.compile(r"^[\s|│║]*QUERY PLAN\b", re.M)
_HEAD = re.compile(r"^[ \t|│║]*QUERY PLAN[ \t|│║]*\r?$", re.M)
_FOOT = re.compile(r"^\(\d+ \w+\)\s*$", re.M)
_CELL = re.compile(r'\s*QUERY PLAN\n"((?:[^"]|"")*)"\s*')
"""A plan of several lines as the one cell of CSV."""

_BROKEN = re.compile(r"[.…][|│║]?\s*$")
_RESUMED = re.compile(r"^[|│║]?[.…]")
"""The marks of psql's wrapped format, where a line is broken and where it goes on."""

_RECORD = re.compile(r"^QUERY PLAN\s*\| ?")
_RIGHT = re.compile(r"\s*(?:[+↵]\s*)?[|│║]?\s*$")
_LEFT = re.compile(r"^\s*[|│║] ?")
_MARK = " ms  plan:"
_LOGGED = re.compile(r"^(?P<before>.*?)duration: (?P<ms>[\d.]+) ms  plan:[ ]*(?P<rest>.*)$")
_GOES_ON = re.compile(r"^(?:\t|    )|^\s*$")
_TOLD = re.compile(r"(?:psql:\S+ )?LOG:\s+")
_MESSAGE = re.compile(r"(?:psql:\S+ )?(?:LOG|DEBUG|INFO|NOTICE|WARNING|ERROR):\s")
"""What a client prints of a server's messages: nothing marks the lines that go on."""

_LAST = ("}", "</explain>")


def framed(text: str) -> tuple[str, ...]:
    """Each plan under a title of its own, without what stands around them."""
    if _HEADING not in text:
        return ()
    starts = [found.start() for found in _HEAD.finditer(text)]
    frames = (text[start:end] for start, end in pairwise([*starts, len(text)]))
    return tuple(_FOOT.split(frame, 1)[0] for frame in frames)


def unframed(text: str) -> str:
    """The text without borders, line marks, titles and counts of rows."""
    text = text.replace("\r\n", "\n")
    if cell := _CELL.fullmatch(text):
        return cell[1].replace('""', '"')
    lines = list(_whole(text.split("\n")))
    full = [line for line in lines if line.strip()]
    if full and all(line.strip().startswith('"') and line.strip().endswith('"') for line in full):
        return "\n".join(line.strip()[1:-1].replace('""', '"') for line in full)
    if not _TITLE.search(text) and not any(_LEFT.match(line) for line in full):
        return text
    kept = (line for line in lines if not _FRAME.fullmatch(line))
    return "\n".join(_LEFT.sub("", _RIGHT.sub("", _RECORD.sub("", line))) for line in kept)


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Lines that psql broke to fit a window, put together again."""
    waiting: str | None = None
    for line in lines:
        if waiting is not None and _BROKEN.search(waiting) and _RESUMED.match(line):
            waiting = _BROKEN.sub("", waiting) + _RESUMED.sub("", line)
            continue
        if waiting is not None:
            yield waiting
        waiting = line
    if waiting is not None:
        yield waiting


def logged(text: str) -> tuple[str, ...]:
    """The plans that auto_explain wrote between the other lines of a server's log."""
    if _MARK not in text:
        return ()
    found: list[list[str]] = []
    inside, bare = False, False
    for line in text.replace("\r\n", "\n").split("\n"):
        if start := _LOGGED.match(line):
            found.append([start["rest"]] if start["rest"] else [])
            inside, bare = True, bool(_TOLD.fullmatch(start["before"]))
        elif inside and (_GOES_ON.match(line) or (bare and not _MESSAGE.match(line))):
            found[-1].append(line.removeprefix("\t"))
            inside = not bare or line not in _LAST
        else:
            inside = False
    return tuple("\n".join(each) for each in found)
