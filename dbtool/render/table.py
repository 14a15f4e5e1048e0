"""Tables as plain lines: columns give way on a narrow screen, and records take over below that."""

from collections.abc import Sequence

from dbtool.render.screen import Screen, paint, words_of
from dbtool.render.words import columns, one_line, padded, wrapped
from dbtool.report import Cell, Styled, Table

GAP = "  "
_LEAST_FLAGGED = 12
_LEAST_OTHER = 8


def table_lines(table: Table, screen: Screen) -> list[str]:
    """The table as lines that fit the screen."""
    by_column = [
        [column.title, *(one_line(words_of(row[place])) for row in table.rows)]
        for place, column in enumerate(table.columns)
    ]
    natural = [max(map(columns, cells)) for cells in by_column]
    widths = _fitting(natural, table, screen.width)
    if widths is None:
        return _records(table, by_column, screen)
    if widths == natural:
        return _rows(table, by_column, widths, screen)
    return _broken_rows(table, by_column, widths, screen)


def _fitting(natural: list[int], table: Table, room: int | None) -> list[int] | None:
    """Column widths that fit; columns marked to shrink give first, then other text columns."""
    widths = list(natural)
    over = 0 if room is None else sum(widths) + len(GAP) * (len(widths) - 1) - room
    flagged = [place for place, column in enumerate(table.columns) if column.shrink]
    others = [
        place
        for place, column in enumerate(table.columns)
        if column.align == "left" and not column.shrink
    ]
    for group, least in ((flagged, _LEAST_FLAGGED), (others, _LEAST_OTHER)):
        while over > 0 and (wide := [place for place in group if widths[place] > least]):
            widths[max(wide, key=widths.__getitem__)] -= 1
            over -= 1
    return widths if over <= 0 else None


def _rows(table: Table, by_column: list[list[str]], widths: list[int], screen: Screen) -> list[str]:
    """One line per row."""
    filled = [
        _filled(cells, width, right=column.align == "right")
        for cells, width, column in zip(by_column, widths, table.columns, strict=True)
    ]
    lines = [GAP.join(cells).rstrip() for cells in zip(*filled, strict=True)]
    if screen.color:
        lines[0] = paint(lines[0], "strong", screen)
        for number, row in enumerate(table.rows, start=1):
            if any(isinstance(cell, Styled) for cell in row):
                cells = [column[number] for column in filled]
                lines[number] = _join(cells, row, screen)
    return lines


def _filled(cells: list[str], width: int, *, right: bool) -> list[str]:
    if all(map(str.isascii, cells)):
        return [cell.rjust(width) if right else cell.ljust(width) for cell in cells]
    return [padded(cell, width, right=right) for cell in cells]


def _broken_rows(
    table: Table, by_column: list[list[str]], widths: list[int], screen: Screen
) -> list[str]:
    """Rows whose wider cells run over several lines."""
    titles = tuple(Styled(column.title, "strong") for column in table.columns)
    lines = []
    for number, row in enumerate((titles, *table.rows)):
        cells = [
            wrapped(column[number], width) for column, width in zip(by_column, widths, strict=True)
        ]
        for level in range(max(map(len, cells))):
            line = [
                padded(cell[level] if level < len(cell) else "", width, right=each.align == "right")
                for cell, width, each in zip(cells, widths, table.columns, strict=True)
            ]
            lines.append(_join(line, row, screen))
    return lines


def _join(cells: Sequence[str], row: Sequence[Cell], screen: Screen) -> str:
    """One line of padded cells, each in the tone of the cell it shows; no spaces at its end."""
    last = max((place for place, cell in enumerate(cells) if cell.strip()), default=0)
    shown = [*cells[:last], cells[last].rstrip()]
    return GAP.join(
        paint(text, cell.tone, screen) if isinstance(cell, Styled) else text
        for text, cell in zip(shown, row, strict=False)
    )


def _records(table: Table, by_column: list[list[str]], screen: Screen) -> list[str]:
    """Each row as a list of names and values, for screens too narrow for columns."""
    widest = max(columns(column.title) for column in table.columns)
    lines: list[str] = []
    for number, row in enumerate(table.rows, start=1):
        if number > 1:
            lines.append("")
        for column, cells, cell in zip(table.columns, by_column, row, strict=True):
            name = paint(padded(column.title, widest), "strong", screen)
            room = screen.width and max(8, screen.width - widest - len(GAP))
            first, *rest = wrapped(cells[number].strip(), room)
            tone = cell.tone if isinstance(cell, Styled) else "plain"
            lines.append(f"{name}{GAP}{paint(first, tone, screen)}".rstrip())
            lines += [" " * widest + GAP + paint(line, tone, screen) for line in rest]
    return lines
