"""Part a SQL script into its pieces: statements, psql's backslash lines and COPY data.

The boundaries are those of psql: a semicolon outside quotes, comments, parentheses and
`BEGIN ATOMIC` bodies. Nothing has to parse, so a script with a mistake in one statement is
still read to its end.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Role(StrEnum):
    """What a piece of a script is."""

    STATEMENT = "statement"
    META = "psql command"
    DATA = "copy data"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a script; the sources of all pieces joined are the script.

    `text` is what the server would be sent: no comment before it, no semicolon behind it.
    `offset` and `byte_offset` say where `text` begins in the script, `line` counts from 1.
    """

    role: Role
    source: str
    text: str
    offset: int
    byte_offset: int
    line: int


# Classes that name ASCII alone: those that reach to the last character take long to compile.
_LETTER = r"[^\x00-@\[-^`{-\x7f]"
_PART = r"[^\x00-/:-@\[-^`{-\x7f]"
_PART_OF_WORD = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
_OTHER = r"[\x00-!#%&*+,.:<=>?@\[\]^`{|}~\x7f]"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*+'"
_TAG = rf"\$(?:{_LETTER}{_PART}*)?\$"
# Before 3.11.5 Python ends a possessive repeat behind what its last, failed turn had read.
_QUOTED = rf"""
    [eE]{_ESCAPED}(?:\s*\n\s*{_ESCAPED})*
  | '(?:[^']|'')*+'
  | "(?:[^"]|"")*+"
"""
_WORD = rf"(?![eE]'){_LETTER}{_PART_OF_WORD}*+"
# No group may capture in here: inside a possessive repeat that trips the re module of 3.11.
_RUN = re.compile(
    rf"""(?:
    {_OTHER}
  | {_QUOTED}
  | {_WORD}
  | \$?[0-9]+
  | --[^\n\r]*+
  | -(?!-) | /(?!\*)
)+""",
    re.VERBOSE | re.DOTALL,
)
_TOKEN = re.compile(
    rf"{_QUOTED} | (?P<tag>{_TAG}).*?(?P=tag) | --[^\n\r]*+ | /\*.*?\*/ | (?P<word>{_WORD})",
    re.VERBOSE | re.DOTALL,
)
_OPENING = re.compile(_TAG)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_SPACE = re.compile(r"(?:\s|--[^\n\r]*+)*+")
_CREATES_ROUTINE = re.compile(r"create\s+(?:or\s+replace\s+)?(?:function|procedure)\b", re.I)
_REST_OF_LINE = re.compile(r"[^\S\n]*(?:--[^\n]*)?\n")
_END_OF_DATA = re.compile(r"^\\\.\r?(?:\n|\Z)", re.M)
_LINE = re.compile(r"[^\n]*\n?")


def split(text: str) -> tuple[Piece, ...]:
    """Part a script into pieces, in order and without losing a character."""
    return tuple(_Splitter(text).pieces())


class _Splitter:
    def __init__(self, text: str) -> None:
        self.text = text
        self._counted = 0
        self._bytes = 0
        self._line = 1

    def pieces(self) -> Iterator[Piece]:
        text, start = self.text, 0
        while start < len(text):
            lead = _skip_blanks(text, start)
            end = lead if text[lead : lead + 1] == "\\" else self._end_of_statement(lead)
            if end > lead or text[end : end + 1] == ";":
                stop = _past_separator(text, end)
                data = lead < end and _copies_from_stdin(text[lead:end])
                if data and (rest := _REST_OF_LINE.match(text, stop)):
                    stop = rest.end()
                role = Role.STATEMENT if lead < end else Role.BLANK
                yield self._piece(role, start, lead, end, stop)
                start = stop
                if data and rest and stop < len(text):
                    start = _end_of_data(text, stop)
                    yield self._piece(Role.DATA, stop, stop, start, start)
            elif lead < len(text):
                line = _LINE.match(text, lead)
                start, before = (line.end() if line else len(text)), start
                yield self._piece(Role.META, before, lead, start, start)
            else:
                yield self._piece(Role.BLANK, start, lead, lead, lead)
                return

    def _end_of_statement(self, lead: int) -> int:
        """Where the semicolon, backslash or end of text is that ends the statement."""
        text, pos, depth = self.text, lead, 0
        body = _AtomicBody(text, lead)
        while pos < len(text):
            if run := _RUN.match(text, pos):
                pos = run.end()
                continue
            match text[pos]:
                case "(":
                    depth += 1
                case ")":
                    depth = max(0, depth - 1)
                case ";" if depth == 0 and body.closed_at(pos):
                    return pos
                case "\\":
                    return pos
                case "/":
                    pos = _end_of_comment(text, pos)
                    continue
                case "'" | '"' | "e" | "E":
                    return len(text)
                case "$" if opening := _OPENING.match(text, pos):
                    pos = _end_of_dollar_quote(text, opening)
                    continue
            pos += 1
        return pos

    def _piece(self, role: Role, start: int, lead: int, end: int, stop: int) -> Piece:
        passed = self.text[self._counted : lead]
        self._bytes += len(passed) if passed.isascii() else len(_encoded(passed))
        self._line += passed.count("\n")
        self._counted = lead
        body = self.text[lead:end]
        body = body if role is Role.DATA else body.rstrip()
        return Piece(role, self.text[start:stop], body, lead, self._bytes, self._line)


class _AtomicBody:
    """Whether a semicolon stands inside the `BEGIN ATOMIC … END` body of a routine."""

    def __init__(self, text: str, lead: int) -> None:
        self._text = text
        self._from = lead
        self._routine = bool(_CREATES_ROUTINE.match(text, lead))
        self._depth = 0
        self._last = ""

    def closed_at(self, pos: int) -> bool:
        if not self._routine:
            return True
        for word in _words(self._text, self._from, pos):
            if word == "atomic" and self._last == "begin":
                self._depth = 1
            elif self._depth:
                self._depth += (word in ("begin", "case")) - (word == "end")
            self._last = word
        self._from = pos
        return self._depth == 0


def _words(text: str, start: int, end: int) -> Iterator[str]:
    for token in _TOKEN.finditer(text, start, end):
        if word := token["word"]:
            yield word.lower()


def _copies_from_stdin(statement: str) -> bool:
    if statement[:4].lower() != "copy":
        return False
    words = list(_words(statement, 0, len(statement)))
    return words[0] == "copy" and ("from", "stdin") in pairwise(words)


def _skip_blanks(text: str, pos: int) -> int:
    while True:
        if blank := _SPACE.match(text, pos):
            pos = blank.end()
        if not text.startswith("/*", pos):
            return pos
        pos = _end_of_comment(text, pos)


def _end_of_comment(text: str, pos: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, pos):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def _end_of_dollar_quote(text: str, opening: re.Match[str]) -> int:
    closing = text.find(opening[0], opening.end())
    return len(text) if closing < 0 else closing + len(opening[0])


def _past_separator(text: str, end: int) -> int:
    """A semicolon belongs to the statement before it, and so does psql's `\\;`."""
    if text.startswith("\\;", end):
        return end + 2
    return end + 1 if text.startswith(";", end) else end


def _end_of_data(text: str, pos: int) -> int:
    mark = _END_OF_DATA.search(text, pos)
    return mark.end() if mark else len(text)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
