"""Code in colour, by rich: only ever for a terminal, and never a character more or less."""

from collections.abc import Iterator

from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax

_LEXERS = {"sql": "postgresql", "shell": "bash"}

_THEME = ANSISyntaxTheme(
    {
        ("Keyword",): Style(bold=True),
        ("Literal", "String"): Style(color="green"),
        ("Literal", "Number"): Style(color="cyan"),
        ("Comment",): Style(dim=True),
    }
)
"""Few colours, all of them readable on a light and on a dark screen."""


def highlighted(code: str, language: str) -> Iterator[str]:
    """The lines of the code with escape codes among them; no tab grows and no line is broken."""
    syntax = Syntax("", _LEXERS.get(language, language), theme=_THEME, tab_size=0)
    console = Console()
    for line in syntax.highlight(code).split("\n"):
        yield "".join(
            part.style.render(part.text, color_system=ColorSystem.STANDARD)
            if part.style
            else part.text
            for part in line.render(console)
        )
