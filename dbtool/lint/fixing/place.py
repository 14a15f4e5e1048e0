"""A place in a text that something else takes, and how a text changes in several at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import indent

from dbtool.finding import Finding
from dbtool.statement import Statement


class NotMechanical(Exception):
    """A proposal cannot be written into the text as it is; says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_texts(sql: str) -> None:
    """Raise NotMechanical where a constant goes over lines, which are set in anew."""
    if any("\n" in found[0] for found in _TEXT.finditer(sql)):
        raise NotMechanical("a text in it goes over several lines")


_TEXT = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Mended:
    """A statement and the finding about it whose proposal is to be written."""

    statement: Statement
    finding: Finding


@dataclass(frozen=True, slots=True)
class Edit:
    """What stands from one offset to another is replaced; offsets count bytes of UTF-8.

    `margin` is what each line of the text but the first begins with.
    """

    start: int
    end: int
    text: str
    margin: str = ""

    @property
    def written(self) -> str:
        """The text as far in as it is to stand."""
        return indent(self.text, self.margin)[len(self.margin) :] if self.margin else self.text


@dataclass(frozen=True, slots=True)
class Result:
    """The new text, and what became of each finding."""

    text: str
    fixed: tuple[Finding, ...] = ()
    refused: tuple[tuple[Finding, str], ...] = ()


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; new lines end as the text's own do."""
    content = text.encode()
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    for edit in sorted(edits, key=lambda each: each.start, reverse=True):
        new = edit.written.encode().replace(b"\n", newline)
        content = content[: edit.start] + new + content[edit.end :]
    return content.decode()
