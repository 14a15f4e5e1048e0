"""Takes every literal out of a statement that some session ran; what it cannot tell, it masks.

The text may be cut anywhere, even inside a literal, and may come from a server that reads
backslashes in plain strings. Wherever two readings are possible the rest is masked.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

MASK = "?"
"""Stands for one literal."""

CUT = "…"
"""Stands for everything from here on."""

_PART = r"[^\x00-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]"
"""What may stand inside a name: letters, digits, `_`, `$` and everything beyond ASCII."""

_LETTER = rf"(?![\d$]){_PART}"

_TOKEN = rf"""
      (?P<space>\s+)
    | (?P<comment>--[^\r\n]*|/\*)
    | (?P<escape>[eE]')
    | (?P<plain>(?:[uU]&|[bBxXnN])?')
    | (?P<name>(?:[uU]&)?"(?:[^"]|"")*+")
    | (?P<dollar>\$(?:{_LETTER}(?:(?!\$){_PART})*)?\$)
    | (?P<parameter>\$\d+(?!{_PART}))
    | (?P<number>\.?\d[\d_.]*(?:[eE][+-]?\d+)?{_PART}*)
    | (?P<word>{_LETTER}{_PART}*)
    | (?P<other>[-+*/<>=~!@\#%^&|`?:;,.()\[\]{{}}])
"""
_ESCAPED_END = r"(?:[^'\\]|\\.|'')*+'"
_PLAIN_END = r"(?:[^'\\]|\\(?!')|'')*+'"
_COMMENT_EDGE = r"/\*|\*/"
_TAG = (
    r"\b(action|app_name|application|controller|db_driver|framework|route|traceparent|tracestate)"
    r"\s*=\s*'"
)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compiled at first use: most reports show no statement, and compiling takes longer."""
    return re.compile(text, re.VERBOSE | re.ASCII | re.DOTALL)


Shown = Callable[[str], str]
"""How a statement is shown: masked, but for whoever asks for its values."""


def in_full(statement: str) -> str:
    """The statement on one line as it is, but for what is no text."""
    line = " ".join(statement.split())
    return "".join(each if each.isprintable() else MASK for each in line)


def redact(statement: str) -> str:
    """The statement on one line, literals masked, comments gone but for their sqlcommenter keys."""
    return " ".join("".join(_pieces(statement)).split())


def _pieces(text: str) -> Iterator[str]:
    setting = _Setting()
    at = 0
    while at < len(text):
        token = _pattern(_TOKEN).match(text, at)
        end = _end(text, token) if token else None
        if token is None or end is None:
            yield CUT
            return
        shown = _shown(token, text[at:end])
        yield MASK if setting.covers(token) else shown
        if shown == ";":
            setting = _Setting()
        at = end


class _Setting:
    """Knows whether a bare word is the value of a setting, which is a literal without quotes."""

    def __init__(self) -> None:
        self._verb = ""
        self._set = self._role = False
        self._value = False

    def covers(self, token: re.Match[str]) -> bool:
        """Whether this token is such a value."""
        if token.lastgroup in ("word", "name") and self._value:
            return True
        text = token.group().upper()
        if token.lastgroup == "word" or text == "=":
            self._verb = self._verb or text
            self._role |= text in ("ROLE", "USER", "GROUP") and self._verb in ("ALTER", "CREATE")
            # PASSWORD takes a literal; written as a name it is refused, and still shown to all.
            secret = self._role and (text == "PASSWORD" or (text == "=" and self._value))
            self._value = secret or (self._set and text in ("TO", "="))
            self._set |= text == "SET" and self._verb in ("SET", "ALTER", "CREATE")
        return False


def _end(text: str, token: re.Match[str]) -> int | None:
    """Where the token ends; None when that cannot be told."""
    match token.lastgroup:
        case "escape":
            return _after(_pattern(_ESCAPED_END).match(text, token.end()))
        case "plain":
            return _after(_pattern(_PLAIN_END).match(text, token.end()))
        case "dollar":
            close = text.find(token.group(), token.end())
            return None if close < 0 else close + len(token.group())
        case "comment" if token.group() == "/*":
            return _comment_end(text, token.end())
        case "number" if "$" in token.group():
            return None
        case "word" | "name" if not token.group().isprintable():
            return None
    return token.end()


def _after(match: re.Match[str] | None) -> int | None:
    return match.end() if match else None


def _comment_end(text: str, at: int) -> int | None:
    depth = 1
    for edge in _pattern(_COMMENT_EDGE).finditer(text, at):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


def _shown(token: re.Match[str], text: str) -> str:
    match token.lastgroup:
        case "space":
            return " "
        case "escape" | "plain" | "dollar" | "number":
            return MASK
        case "comment":
            keys = _pattern(_TAG).findall(text)
            return f" /* {', '.join(keys)} */ " if keys else " "
    return text
