"""What the team's own changes of its files say was renamed: the diff that git has of them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from dbtool.migrate.unmerged import Git, base_of

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(?P<line>\d+)")
_ATTRIBUTE = re.compile(r"^\s*(?P<name>[A-Za-z_]\w*)\s*(?::|=(?!=))")
_NAMED = re.compile(r"""\b(?:Column|mapped_column|Table)\(\s*["'](?P<name>\w+)["']""")
_TABLE = re.compile(r"""__tablename__\s*(?::[^=]+)?=\s*["'](?P<name>\w+)["']""")
_ALIKE = 0.75
Renamed = Mapping[tuple[str, str], str]


@dataclass(slots=True)
class _Hunk:
    """The lines that one place of a file lost, and those it got."""

    file: str
    line: int
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that names something: where it stands, the name, and what else it says."""

    number: int
    name: str
    rest: str


def renamed_in_git(directory: Path) -> Renamed:
    """Old and new names of attributes, columns and tables, and the line that says the new one.

    Compares what is on disk with where this branch left the main one. Empty without git.
    """
    git = Git(str(directory))
    base = base_of(git)
    if base is None:
        return {}
    said = git.ask("diff", "-U0", "-M", "--no-color", "--no-ext-diff", base, "--", "*.py")
    text = (said or b"").decode("utf-8", "replace")
    return {pair: place for hunk in _hunks(text) for pair, place in _pairs(hunk)}


def _hunks(text: str) -> Iterator[_Hunk]:
    file, hunk = "", None
    for line in text.splitlines():
        if line.startswith("diff "):
            if hunk is not None:
                yield hunk
            hunk = None
        elif hunk is None and line.startswith("+++ "):
            file = line[4:].removeprefix("b/")
        elif found := _HUNK.match(line):
            if hunk is not None:
                yield hunk
            hunk = _Hunk(file, int(found["line"]))
        elif hunk is not None and line[:1] in "+-":
            (hunk.new if line[0] == "+" else hunk.old).append(line[1:])
    if hunk is not None:
        yield hunk


def _pairs(hunk: _Hunk) -> Iterator[tuple[tuple[str, str], str]]:
    """Names that one line exchanged for another, and where."""
    for pattern in (_TABLE, _NAMED, _ATTRIBUTE):
        old, new = _lines(pattern, hunk.old), _lines(pattern, hunk.new)
        kept = {each.name for each in old} & {each.name for each in new}
        old, new = ([each for each in side if each.name not in kept] for side in (old, new))
        for one, two in _same(old, new):
            yield (one.name, two.name), f"{hunk.file}:{hunk.line + two.number}"


def _lines(pattern: re.Pattern[str], lines: Sequence[str]) -> list[_Line]:
    found = ((number, line, pattern.search(line)) for number, line in enumerate(lines))
    return [
        _Line(number, said["name"], line[: said.start("name")] + line[said.end("name") :].strip())
        for number, line, said in found
        if said is not None
    ]


def _same(old: Sequence[_Line], new: Sequence[_Line]) -> Iterator[tuple[_Line, _Line]]:
    """Lines that differ in the name alone; where others read like them, those in one place."""
    counts = [Counter(each.rest for each in side) for side in (old, new)]
    alone = {each.rest: each for each in old if all(count[each.rest] == 1 for count in counts)}
    beside = {each.number: each for each in old if each.rest not in alone}
    for each in new:
        there = alone.get(each.rest) or beside.get(each.number)
        if there is not None and _alike(there.rest, each.rest):
            yield there, each


def _alike(before: str, after: str) -> bool:
    """Whether two lines say nearly the same, or one says more."""
    if before.startswith(after) or after.startswith(before):
        return True
    return SequenceMatcher(None, before, after).ratio() >= _ALIKE
