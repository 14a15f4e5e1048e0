"""Code in colour, by rich: only ever for a terminal, and never a character more or less."""

import functools
from collections.abc import Callable, Iterator

from rich.color import ColorSystem
from rich.control import strip_control_codes
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax

_LEXERS = {"sql": "postgresql", "shell": "bash"}

_THEME = ANSISyntaxTheme(
    {
        ("Keyword",): Style(bold=True),
        ("Literal", "String"): Style(color="green"),
        ("Comment",): Style(dim=True),
    }
)
"""Few colours, all of them readable on a light and on a dark screen."""


def highlighted(code: str, language: str) -> Iterator[str]:
    """The lines of the code with escape codes among them; no tab grows and no line is broken."""
    line: list[str] = []
    for kind, token in _lexer(language)(code):
        style = _THEME.get_style_for_token(kind)
        first, *below = strip_control_codes(token).split("\n")
        line.append(_shown(first, style, language))
        for text in below:
            yield "".join(line)
            line = [_shown(text, style, language)]
    if last := "".join(line):
        yield last


@functools.cache
def _lexer(language: str) -> Callable[[str], Iterator[tuple[tuple[str, ...], str]]]:
    """What parts code into tokens; finding it takes longer than a short text does."""
    syntax = Syntax("", _LEXERS.get(language, language), tab_size=0)
    parts: Callable[[str], Iterator[tuple[tuple[str, ...], str]]]
    parts = (syntax.lexer or syntax.default_lexer).get_tokens
    return parts


def _shown(text: str, style: Style, language: str) -> str:
    """A piece of a line; small letters in SQL are most often a name, even where a keyword fits."""
    if not text or not style or (language == "sql" and style.bold and text.islower()):
        return text
    return style.render(text, color_system=ColorSystem.STANDARD)
