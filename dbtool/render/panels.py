"""Help pages for a screen: usage, prose, and options and commands in panels drawn by rich."""

from collections.abc import Iterable, Mapping
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

Row = tuple[str, str]
Panels = Mapping[str, list[Row]]

_SIDE_BY_SIDE = 64
"""Below this many columns a text stands under its name instead of beside it."""


def render(usage: str, prose: Iterable[str], groups: Iterable[Panels], width: int) -> str:
    """The page, with prose above and below the panels; no text is searched for markup.

    The panels of one group share their columns.
    """
    page = StringIO()
    screen = Console(
        file=page, width=width, force_terminal=True, color_system="standard", highlight=False
    )
    above, below = (_paragraphs(text) for text in prose)
    screen.print(Text(usage, style="bold"), *above, "", sep="\n")
    for panels in groups:
        widest = max((len(name) for rows in panels.values() for name, _ in rows), default=0)
        for title, rows in panels.items():
            body = _beside(rows, widest) if width >= _SIDE_BY_SIDE else _under(rows)
            heading = Text(title, style="bold")
            screen.print(Panel(body, title=heading, title_align="left", border_style="dim"))
    for paragraph in below:
        screen.print(paragraph)
    return page.getvalue()


def _paragraphs(text: str) -> Iterable[RenderableType]:
    for paragraph in filter(None, text.split("\n\n")):
        yield Padding(Text(" ".join(paragraph.split())), (1, 2, 0, 2))


def _beside(rows: Iterable[Row], widest: int) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=widest, no_wrap=True)
    for name, text in rows:
        table.add_row(_name(name), _text(text))
    return table


def _under(rows: Iterable[Row]) -> RenderableType:
    return Group(*(Group(_name(name), Padding(_text(text), (0, 0, 0, 4))) for name, text in rows))


def _name(name: str) -> Text:
    """A command or a flag in colour; what a flag takes stays plain."""
    text = Text(name)
    text.highlight_regex(r"(?:^|(?<= ))(?:-+[\w-]+|[a-z][\w-]*)", "cyan")
    return text


def _text(text: str) -> Text:
    """What it is for; a default at its end steps back."""
    shown = Text(text)
    shown.highlight_regex(r" \[[^]]*\]$", "dim")
    return shown
