"""A plan as the rows of a table: one node, one line."""

from dbtool.explain.estimates import Estimate, Estimates
from dbtool.explain.lines import Line, by_cost, by_time, lines
from dbtool.explain.marks import Marks
from dbtool.explain.plan import Node, Plan
from dbtool.explain.selftime import Share, Times
from dbtool.explain.wording import count, milliseconds, short_count
from dbtool.report import Cell, Column, Styled, Table, Tone

LEAST_WIDTH = 44
"""Characters of the tree for which a narrow screen gives up figures."""

HOT_FROM = 4
"""Plans with fewer nodes are seen at a glance."""

_BAR = 5
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WORTH_SAYING = 0.01
"""Milliseconds; rounding that may hide less is not told."""


def plan_table(plan: Plan, times: Times, marks: Marks, title: str = "") -> Table:
    """A plan that was run."""
    shown = lines(plan, by_time(plan, times), marks.whole)
    hot = _hot(plan, times)
    largest = max((line.weight for line in shown), default=0.0)
    estimates = Estimates(plan)
    cells = [
        _marked(_row(line, plan, times, marks, largest, estimates.of(line.node)), hot)
        for line in shown
    ]
    return _without_empty(
        (
            Column("#", "right"),
            Column("node", shrink=True, least=LEAST_WIDTH),
            Column("self ms", "right"),
            Column("%", "right"),
            Column("", optional=4),
            Column("rows", "right", optional=-1),
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


def _row(
    line: Line,
    plan: Plan,
    times: Times,
    marks: Marks,
    largest: float,
    estimate: Estimate | None,
) -> tuple[Cell, ...]:
    node, share = line.node, times.of(line.node)
    if not _ran(line, plan):
        return _muted(str(node.id), f"{line.name} (never executed)")
    timed, loops = plan.timed, node.loops
    part = line.weight / times.total_ms if times.total_ms else 0.0
    buffers = share.buffers.touched if share.buffers and not line.folded else None
    of_one = line.rows is None and not line.stretch
    return (
        str(node.id),
        line.name,
        _time(line, share) if timed else "",
        _percent(part) if timed else "",
        _bar(line.weight / largest) if timed and largest else "",
        "" if line.stretch else short_count(node.rows if line.rows is None else line.rows),
        _estimate(estimate if of_one else None),
        short_count(loops) if loops > 1 and of_one else "",
        short_count(buffers) if buffers else "",
        marks.over(node.id, line.last),
    )


def _ran(line: Line, plan: Plan) -> bool:
    """Whether the node of a line was executed, or any of a stretch."""
    if not line.stretch:
        return line.node.executed
    return any(node.executed for node in plan.nodes[line.node.id - 1 : line.last])


def _muted(number: str, name: str) -> tuple[Cell, ...]:
    return tuple(Styled(text, "muted") for text in (number, name, *[""] * 8))


def _time(line: Line, share: Share) -> str:
    if line.weight < share.bound_ms and share.bound_ms >= _WORTH_SAYING and not line.folded:
        return f"<{milliseconds(share.bound_ms)}"
    if beside(share) and not line.folded:
        return f"∥{milliseconds(share.busy_ms)}"
    mark = "≈" if share.approximate else ""
    doubt = "" if share.consistent else "?"
    return f"{mark}{milliseconds(line.weight)}{doubt}"


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
    return Table(
        columns=(
            Column("#", "right"),
            Column("node", shrink=True, least=LEAST_WIDTH),
            Column("cost", "right"),
            Column("rows", "right", optional=-1),
            Column("width", "right", optional=1),
        ),
        rows=tuple(_estimated(plan, line) for line in lines(plan, by_cost(plan), frozenset())),
        title=title,
    )


def _estimated(plan: Plan, line: Line) -> tuple[Cell, ...]:
    node = line.node
    if line.stretch:
        return str(node.id), line.name, "", "", ""
    if line.rows is not None:
        beside = (each for each in plan.nodes[node.id - 1 : line.last] if each.depth == node.depth)
        return str(node.id), line.name, count(sum(each.total_cost for each in beside)), "", ""
    width, rows = str(node.plan_width), short_count(node.plan_rows)
    return str(node.id), line.name, count(node.total_cost), rows, width
