"""Tables as plain lines: columns give way on a narrow screen, and records take over below that."""

from collections.abc import Mapping, Sequence

from dbtool.render.screen import Screen, paint, words_of
from dbtool.render.words import columns, cropped, one_line, padded, wrapped
from dbtool.report import Cell, Column, Styled, Table

GAP = "  "
_PLAIN_BARS = str.maketrans("█▉▊▋▌▍▎▏", "######..")
"""How the small bars in cells look where nothing is drawn."""

_LEAST_CROPPED = 12
_LEAST_WRAPPED = 8


def table_lines(table: Table, screen: Screen) -> list[str]:
    """The table as lines that fit the screen."""
    texts = [
        [one_line(column.title), *(one_line(words_of(row[place])) for row in table.rows)]
        for place, column in enumerate(table.columns)
    ]
    if not screen.drawing:
        texts = [column if all(map(str.isascii, column)) else _plain(column) for column in texts]
    natural = [max(map(columns, column)) for column in texts]
    widths = _fitting(table.columns, natural, screen.width)
    if widths is None:
        return _records(table, texts, screen)
    wraps = any(
        width < natural[place] and not table.columns[place].shrink
        for place, width in widths.items()
    )
    lines = (_wrapped_rows if wraps else _rows)(table, texts, widths, screen)
    return lines if any(column.title for column in table.columns) else lines[1:]


def _plain(column: list[str]) -> list[str]:
    return [text.translate(_PLAIN_BARS) for text in column]


def _fitting(
    titled: Sequence[Column], natural: Sequence[int], room: int | None
) -> dict[int, int] | None:
    """The width of each column that is shown, or None where columns cannot fit.

    Shrinking columns are cropped first; then optional ones go, the highest number first;
    then the shrinking ones are cropped further; last other texts run over several lines.
    Where all that is not enough the columns go that are optional below zero.
    """
    widths = dict(enumerate(natural))
    if room is None:
        return widths
    flagged = [place for place, column in enumerate(titled) if column.shrink]
    others = [
        place for place, column in enumerate(titled) if column.align == "left" and not column.shrink
    ]
    optional = [place for place, column in enumerate(titled) if column.optional > 0]
    spare = [place for place, column in enumerate(titled) if column.optional < 0]
    optional.sort(key=lambda place: -titled[place].optional)
    for gone in range(len(optional) + 1):
        widths = {place: natural[place] for place in widths if place not in optional[:gone]}
        _give(widths, {place: titled[place].least for place in flagged}, room)
        if _over(widths, room) <= 0:
            return widths
    wide = widths
    for gone in range(len(spare) + 1):
        widths = {place: width for place, width in wide.items() if place not in spare[:gone]}
        _give(widths, dict.fromkeys(flagged, _LEAST_CROPPED), room)
        _give(widths, dict.fromkeys(others, _LEAST_WRAPPED), room)
        if _over(widths, room) <= 0:
            return widths
    return None


def _over(widths: dict[int, int], room: int) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1) - room


def _give(widths: dict[int, int], least: Mapping[int, int], room: int) -> None:
    """Narrow the widest of some columns until all fit, or these are down to their least."""
    shown = [place for place in least if place in widths]
    over = _over(widths, room)
    while over > 0 and (wide := [place for place in shown if widths[place] > least[place]]):
        widths[max(wide, key=widths.__getitem__)] -= 1
        over -= 1


def _rows(
    table: Table, texts: list[list[str]], widths: dict[int, int], screen: Screen
) -> list[str]:
    """One line per row."""
    filled = {
        place: _filled(texts[place], width, right=table.columns[place].align == "right")
        for place, width in widths.items()
    }
    lines = [GAP.join(cells).rstrip() for cells in zip(*filled.values(), strict=True)]
    if screen.color:
        lines[0] = paint(lines[0], "strong", screen)
        for number, row in enumerate(table.rows, start=1):
            if any(isinstance(cell, Styled) for cell in row):
                cells = [column[number] for column in filled.values()]
                lines[number] = _join(cells, [row[place] for place in widths], screen)
    return lines


def _filled(cells: list[str], width: int, *, right: bool) -> list[str]:
    """Every cell at the same width."""
    if not all(map(str.isascii, cells)):
        return [padded(cropped(cell, width), width, right=right) for cell in cells]
    if max(map(len, cells)) > width:
        cells = [cell if len(cell) <= width else f"{cell[: width - 1]}…" for cell in cells]
    return [cell.rjust(width) if right else cell.ljust(width) for cell in cells]


def _wrapped_rows(
    table: Table, texts: list[list[str]], widths: dict[int, int], screen: Screen
) -> list[str]:
    """Rows whose wider texts run over several lines."""
    titles = tuple(Styled(column.title, "strong") for column in table.columns)
    lines = []
    for number, row in enumerate((titles, *table.rows)):
        cells = {
            place: _cell_lines(table.columns[place], texts[place][number], width)
            for place, width in widths.items()
        }
        for level in range(max(map(len, cells.values()))):
            line = [
                padded(
                    cell[level] if level < len(cell) else "",
                    widths[place],
                    right=table.columns[place].align == "right",
                )
                for place, cell in cells.items()
            ]
            lines.append(_join(line, [row[place] for place in widths], screen))
    return lines


def _cell_lines(column: Column, text: str, width: int) -> list[str]:
    return [cropped(text, width)] if column.shrink else wrapped(text, width)


def _join(cells: Sequence[str], row: Sequence[Cell], screen: Screen) -> str:
    """One line of padded cells, each in the tone of the cell it shows; no spaces at its end."""
    last = max((place for place, cell in enumerate(cells) if cell.strip()), default=0)
    shown = [*cells[:last], cells[last].rstrip()]
    return GAP.join(
        paint(text, cell.tone, screen) if isinstance(cell, Styled) else text
        for text, cell in zip(shown, row, strict=False)
    )


def _records(table: Table, texts: list[list[str]], screen: Screen) -> list[str]:
    """Each row as a list of names and values, for screens too narrow for columns."""
    widest = max(columns(column.title) for column in table.columns)
    room = screen.width and max(8, screen.width - widest - len(GAP))
    lines: list[str] = []
    for number, row in enumerate(table.rows, start=1):
        lines += [""] if number > 1 else []
        for column, column_texts, cell in zip(table.columns, texts, row, strict=True):
            name = paint(padded(one_line(column.title), widest), "strong", screen)
            tone = cell.tone if isinstance(cell, Styled) else "plain"
            first, *rest = wrapped(column_texts[number].strip(), room)
            lines.append(f"{name}{GAP}{paint(first, tone, screen)}".rstrip())
            lines += [" " * (widest + len(GAP)) + paint(line, tone, screen) for line in rest]
    return lines
