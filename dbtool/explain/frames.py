"""Take off what psql, a log or a copy from a window puts around a plan."""

import re

_FRAME = re.compile(
    r"[\s|│║]*(?:QUERY PLAN|[-+=]{3,}|[-+─┌┐└┘├┤┬┴┼═╔╗╚╝╟╢╠╣]{3,}|-\[ RECORD \d+ \][-+]*"
    r"|\(\d+ rows?\)|Time: [\d.,]+ ms.*|EXPLAIN)[\s|│║+]*"
)
_TITLE = re.compile(r"^[\s|│║]*QUERY PLAN\b", re.M)
_RECORD = re.compile(r"^QUERY PLAN\s*\| ?")
_RIGHT = re.compile(r"\s*(?:[+↵]\s*)?[|│║]?\s*$")
_LEFT = re.compile(r"^\s*[|│║] ?")
_MARK = " ms  plan:"
_LOGGED = re.compile(r"^(?P<before>.*?)duration: (?P<ms>[\d.]+) ms  plan:[ ]*(?P<rest>.*)$")
_GOES_ON = re.compile(r"^(?:\t|    )|^\s*$")


def unframed(text: str) -> str:
    """The text without borders, line marks, titles and counts of rows."""
    text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    full = [line for line in lines if line.strip()]
    if full and all(line.strip().startswith('"') and line.strip().endswith('"') for line in full):
        return "\n".join(line.strip()[1:-1].replace('""', '"') for line in full)
    if not _TITLE.search(text) and not any(_LEFT.match(line) for line in full):
        return text
    kept = (line for line in lines if not _FRAME.fullmatch(line))
    return "\n".join(_LEFT.sub("", _RIGHT.sub("", _RECORD.sub("", line))) for line in kept)


def logged(text: str) -> tuple[str, ...]:
    """The plans that auto_explain wrote between the other lines of a server's log."""
    if _MARK not in text:
        return ()
    found: list[list[str]] = []
    inside = False
    for line in text.replace("\r\n", "\n").split("\n"):
        if start := _LOGGED.match(line):
            found.append([start["rest"]] if start["rest"] else [])
            inside = True
        elif inside and _GOES_ON.match(line):
            found[-1].append(line.removeprefix("\t"))
        else:
            inside = False
    return tuple("\n".join(each) for each in found)
