"""Code in colour, by rich: only ever for a terminal, and never a character more or less."""

from collections.abc import Iterator

from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
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
    syntax = Syntax("", _LEXERS.get(language, language), theme=_THEME, tab_size=0)
    console = Console()
    for line in syntax.highlight(code).split("\n"):
        yield "".join(_shown(part, language) for part in line.render(console))


def _shown(part: Segment, language: str) -> str:
    """A piece of a line; small letters in SQL are most often a name, even where a keyword fits."""
    text, style, _ = part
    if not style or (language == "sql" and style.bold and text.islower()):
        return text
    return style.render(text, color_system=ColorSystem.STANDARD)
