"""Text on a screen: how wide it is, where it breaks, and what must not reach a terminal raw."""

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """The text with control characters spelled out, so that data cannot steer the terminal."""
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The text on one line; an indent at its start stays."""
    if text.isprintable():
        return text
    indent = text[: len(text) - len(text.lstrip(" "))]
    return indent + clean(" ".join(text.split()))


def columns(text: str) -> int:
    """How many columns the text takes; East Asian characters and most emoji take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text filled up with spaces to a width, on its left side with `right`."""
    room = " " * (width - columns(text))
    return room + text if right else text + room


def cropped(text: str, width: int) -> str:
    """The text cut to a width, and marked where something is missing."""
    return text if columns(text) <= width else f"{_pieces(text, width - 1)[0]}…"


def wrapped(text: str, width: int | None, hang: str = "") -> list[str]:
    """The text broken between words; later lines repeat its indent and add `hang`."""
    if width is None or columns(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip(" "))]
    lines, line = [], indent
    for word in text.split():
        for piece in _pieces(word, max(4, width - columns(indent + hang))):
            grown = f"{line} {piece}" if line.strip() else line + piece
            if line.strip() and columns(grown) > width:
                lines.append(line)
                grown = indent + hang + piece
            line = grown
    return [*lines, line]


def _pieces(text: str, width: int) -> list[str]:
    """The text in pieces that are no wider; what is one character to the eye stays whole."""
    if columns(text) <= width:
        return [text]
    from rich.cells import chop_cells

    return chop_cells(text, width)
