"""Draw how revisions follow each other: one lane per line of descent, one row per revision."""

from collections.abc import Iterable

from dbtool.migrate.history import Revision


def draw(revisions: Iterable[Revision]) -> list[str]:
    """The graph column of a history that lists children before parents.

    `*` is the revision, `|` a line that passes it by; `*-.` opens a lane for another parent,
    `*-'` closes the lanes of its other children.
    """
    lanes: list[str | None] = []
    rows = []
    for revision in revisions:
        mine = [place for place, awaited in enumerate(lanes) if awaited == revision.revision]
        column = mine[0] if mine else _free(lanes)
        closed = mine[1:]
        for place in closed:
            lanes[place] = None
        first, *others = revision.down_revisions or (None,)
        lanes[column] = first
        opened = [_open(lanes, parent) for parent in others if parent is not None]
        rows.append(_row(lanes, column, opened, closed))
        while lanes and lanes[-1] is None:
            lanes.pop()
    return rows


def _free(lanes: list[str | None]) -> int:
    if None in lanes:
        return lanes.index(None)
    lanes.append(None)
    return len(lanes) - 1


def _open(lanes: list[str | None], parent: str) -> int:
    lanes.append(parent)
    return len(lanes) - 1


def _row(lanes: list[str | None], column: int, opened: list[int], closed: list[int]) -> str:
    width = max([column + 1, len(lanes), *(place + 1 for place in closed)])
    marks = ["|" if place < len(lanes) and lanes[place] else " " for place in range(width)]
    marks[column] = "*"
    for place in opened:
        marks[place] = "."
    for place in closed:
        marks[place] = "'"
    last = max([column, *opened, *closed])
    text = ""
    for place, mark in enumerate(marks):
        text += mark + ("-" if column <= place < last else " ")
    return text.rstrip()
