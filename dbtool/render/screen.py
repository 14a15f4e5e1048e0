"""What a report is shown on, and how a tone looks there."""

from dataclasses import dataclass

from dbtool.report import Cell, Styled, Tone

_CODES: dict[Tone, str] = {
    "plain": "",
    "strong": "1",
    "muted": "2",
    "good": "32",
    "note": "36",
    "warning": "33",
    "error": "1;31",
}


@dataclass(frozen=True, slots=True)
class Screen:
    """Where text goes; without a width lines are as long as they need to be."""

    width: int | None
    color: bool
    drawing: bool


PAPER = Screen(width=None, color=False, drawing=False)
"""A pipe or a file."""


def paint(text: str, tone: Tone, screen: Screen) -> str:
    """The text in the colour of a tone; the spaces around it stay plain."""
    words = text.strip(" ")
    if not (screen.color and words and _CODES[tone]):
        return text
    before, after = text.split(words, 1)
    return f"{before}\x1b[{_CODES[tone]}m{words}\x1b[0m{after}"


def words_of(cell: Cell) -> str:
    """What a cell says."""
    return cell.text if isinstance(cell, Styled) else cell
