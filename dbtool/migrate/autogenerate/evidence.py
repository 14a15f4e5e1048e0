"""What the team's own changes of its files say was renamed: the diff that git has of them."""

import re
from collections.abc import Iterator, Mapping
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
    """Lines that differ in a name and in little else."""
    for number, new in enumerate(hunk.new):
        for place, old in enumerate(hunk.old):
            for names in _names(old, new, same_place=place == number):
                yield names, f"{hunk.file}:{hunk.line + number}"


def _names(old: str, new: str, *, same_place: bool) -> Iterator[tuple[str, str]]:
    for pattern in (_TABLE, _NAMED, _ATTRIBUTE):
        one, two = pattern.search(old), pattern.search(new)
        if one is None or two is None or one["name"] == two["name"]:
            continue
        before, after = (
            each.string[: each.start("name")] + each.string[each.end("name") :].strip()
            for each in (one, two)
        )
        if before == after or (same_place and _alike(before, after)):
            yield one["name"], two["name"]


def _alike(before: str, after: str) -> bool:
    """Whether two lines say nearly the same, or one says more."""
    if before.startswith(after) or after.startswith(before):
        return True
    return SequenceMatcher(None, before, after).ratio() >= _ALIKE
