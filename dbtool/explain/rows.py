"""A plan as the rows of a table: one node, one line."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dbtool.explain.estimates import Estimate, Estimates
from dbtool.explain.plan import Node, Plan
from dbtool.explain.selftime import Share, Times
from dbtool.explain.wording import count, label, milliseconds, short_count
from dbtool.report import Cell, Column, Styled, Table, Tone

FOLD_FROM = 16
"""Plans with fewer nodes are shown whole."""

COLD = 0.01
"""Share of the time below which a subtree without findings is one line."""

LEAST_WIDTH = 44
"""Characters of the tree for which a narrow screen gives up figures."""

DEEP = 8
"""Levels beyond which a tree is indented by one blank each instead of two."""

HOT_FROM = 4
"""Plans with fewer nodes are seen at a glance."""

_BAR = 5
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WORTH_SAYING = 0.01
"""Milliseconds; rounding that may hide less is not told."""


ALIKE = 4
"""Cold nodes of one kind beside each other from which on they are one line."""


class _Line(NamedTuple):
    """One node that is shown, standing for `folded` nodes below it or beside it too.

    `rows` are those of all of them, where several beside each other are one line.
    """

    node: Node
    name: str
    share: Share
    wall_ms: float
    folded: int
    rows: float | None = None


def plan_table(plan: Plan, times: Times, marks: Mapping[int, Cell], title: str = "") -> Table:
    """A plan that was run."""
    lines = list(_lines(plan, times, marks))
    hot = _hot(plan, times)
    largest = max((line.wall_ms for line in lines), default=0.0)
    estimates = Estimates(plan)
    cells = [
        _marked(_row(line, plan, times, marks, largest, estimates.of(line.node)), hot)
        for line in lines
    ]
    return _without_empty(
        (
            Column("#", "right"),
            Column("node", shrink=True, least=LEAST_WIDTH),
            Column("self ms", "right"),
            Column("%", "right"),
            Column("", optional=4),
            Column("rows", "right"),
            Column("est", "right", optional=1),
            Column("loops", "right", optional=2),
            Column("blocks", "right", optional=3),
            Column(""),
        ),
        cells,
        title,
    )


def _hot(plan: Plan, times: Times) -> frozenset[str]:
    """The way from the root down to the node that takes most; of a short plan, nothing."""
    if len(plan.nodes) < HOT_FROM or not plan.timed:
        return frozenset()
    node: Node | None = max(plan.nodes, key=lambda each: times.of(each).wall_ms)
    numbers = set()
    while node is not None:
        numbers.add(str(node.id))
        node = plan.parent(node)
    return frozenset(numbers)


def _marked(row: tuple[Cell, ...], hot: frozenset[str]) -> tuple[Cell, ...]:
    number, *rest = row
    return (Styled(f">{_says(number)}", "strong"), *rest) if number in hot else row


def _without_empty(columns: tuple[Column, ...], rows: list[tuple[Cell, ...]], title: str) -> Table:
    """The table without the columns in which no row says anything."""
    kept = [place for place in range(len(columns)) if any(_says(row[place]) for row in rows)]
    if len(kept) == len(columns):
        return Table(columns, tuple(rows), title)
    return Table(
        columns=tuple(columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in rows),
        title=title,
    )


def _says(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _lines(plan: Plan, times: Times, marks: Mapping[int, Cell]) -> Iterator[_Line]:
    """The nodes worth a line; cold subtrees are one, and so are many cold ones in a row."""
    walls = _summed(plan, times)
    keep = _kept(plan, marks)
    folds, step = len(plan.nodes) >= FOLD_FROM, _step(plan)
    number = 1
    while number <= len(plan.nodes):
        node = plan.node(number)
        share, name = times.of(node), _name(node, step)
        if not folds or keep[number] or not _cold(node, walls[number], times):
            yield _Line(node, name, share, share.wall_ms, 0)
            number += 1
            continue
        alike = _alike(plan, node, walls, keep, times)
        if len(alike) >= ALIKE:
            yield _together(alike, name, share, sum(walls[each.id] for each in alike))
            number = alike[-1].end
            continue
        if below := node.end - node.id - 1:
            name += f" (+{below}{_tables(plan, node)})"
        yield _Line(node, name, share, walls[number], below)
        number = node.end


def _alike(
    plan: Plan, first: Node, walls: list[float], keep: list[bool], times: Times
) -> list[Node]:
    """A cold node and those of its kind right beside it that are cold too."""
    found, number = [first], first.end
    while number <= len(plan.nodes) and not first.subplan:
        node = plan.node(number)
        same = (node.parent, node.kind, node.executed) == (first.parent, first.kind, first.executed)
        if not same or node.subplan or keep[number] or not _cold(node, walls[number], times):
            break
        found.append(node)
        number = node.end
    return found


def _together(alike: list[Node], name: str, share: Share, wall_ms: float) -> _Line:
    """Nodes beside each other as one line, by the first of them."""
    first, *others = alike
    rows = sum(node.rows for node in alike)
    named = f"{name} and {len(others):,} more like it"
    return _Line(first, named, share, wall_ms, alike[-1].end - first.id - 1, rows)


def _cold(node: Node, wall_ms: float, times: Times) -> bool:
    return wall_ms < COLD * times.total_ms or not node.executed


def _tables(plan: Plan, node: Node) -> str:
    """The first tables below a folded node."""
    named = list(dict.fromkeys(each.relation for each in plan.below(node) if each.relation))
    return f": {', '.join(named[:2])}{', …' if len(named) > 2 else ''}" if named else ""


def _summed(plan: Plan, times: Times) -> list[float]:
    """The time of each node and of all that is printed below it."""
    walls = [0.0, *(share.wall_ms for share in times.shares)]
    for node in reversed(plan.nodes[1:]):
        walls[node.parent] += walls[node.id]
    return walls


def _kept(plan: Plan, marks: Mapping[int, Cell]) -> list[bool]:
    """Which nodes have a finding at or below them."""
    kept = [False] * (len(plan.nodes) + 1)
    for number in marks:
        kept[number] = True
    for node in reversed(plan.nodes[1:]):
        kept[node.parent] = kept[node.parent] or kept[node.id]
    return kept


def _row(
    line: _Line,
    plan: Plan,
    times: Times,
    marks: Mapping[int, Cell],
    largest: float,
    estimate: Estimate | None,
) -> tuple[Cell, ...]:
    node, share = line.node, line.share
    if not node.executed:
        return _muted(str(node.id), f"{line.name} (never executed)")
    timed, loops = plan.timed, node.loops
    part = line.wall_ms / times.total_ms if times.total_ms else 0.0
    buffers = share.buffers.touched if share.buffers and not line.folded else None
    return (
        str(node.id),
        line.name,
        _time(line) if timed else "",
        _percent(part) if timed else "",
        _bar(line.wall_ms / largest) if timed and largest else "",
        short_count(node.rows if line.rows is None else line.rows),
        _estimate(estimate if line.rows is None else None),
        short_count(loops) if loops > 1 and line.rows is None else "",
        short_count(buffers) if buffers else "",
        marks.get(node.id, ""),
    )


def _step(plan: Plan) -> int:
    """Blanks by which each level is set in."""
    return 1 if plan.depth > DEEP else 2


def _name(node: Node, step: int) -> str:
    """A node's label, indented to show the tree."""
    return " " * step * node.depth + label(node)


def _muted(number: str, name: str) -> tuple[Cell, ...]:
    return tuple(Styled(text, "muted") for text in (number, name, *[""] * 8))


def _time(line: _Line) -> str:
    share = line.share
    if line.wall_ms < share.bound_ms and share.bound_ms >= _WORTH_SAYING and not line.folded:
        return f"<{milliseconds(share.bound_ms)}"
    if beside(share) and not line.folded:
        return f"∥{milliseconds(share.busy_ms)}"
    mark = "≈" if share.approximate else ""
    doubt = "" if share.consistent else "?"
    return f"{mark}{milliseconds(line.wall_ms)}{doubt}"


def beside(share: Share) -> bool:
    """Whether only processes that nobody waited for ran a node: its own time is surely nothing."""
    sure = share.consistent and not share.approximate and share.bound_ms < _WORTH_SAYING
    return sure and share.wall_ms <= share.bound_ms < share.busy_ms


def _percent(part: float) -> Cell:
    text = f"{part * 100:.0f}"
    if part < 0.1:
        return text
    return Styled(text, "error" if part >= 0.4 else "warning")


def _bar(part: float) -> str:
    eighths = round(part * _BAR * 8) if part > 0 else 0
    if not eighths:
        return ""
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _estimate(estimate: Estimate | None) -> Cell:
    if estimate is None or estimate.off < 2:
        return ""
    sign = "×" if estimate.factor > 1 else "÷"
    tone: Tone = "error" if estimate.off >= 100 else "warning" if estimate.off >= 10 else "plain"
    return Styled(f"{sign}{short_count(estimate.off)}", tone)


def estimate_table(plan: Plan, title: str = "") -> Table:
    """A plan that was not run: what the planner expects."""
    step = _step(plan)
    return Table(
        columns=(
            Column("#", "right"),
            Column("node", shrink=True, least=LEAST_WIDTH),
            Column("cost", "right"),
            Column("rows", "right"),
            Column("width", "right", optional=1),
        ),
        rows=tuple(
            (
                str(node.id),
                _name(node, step),
                count(node.total_cost),
                short_count(node.plan_rows),
                str(node.plan_width),
            )
            for node in plan.nodes
        ),
        title=title,
    )
