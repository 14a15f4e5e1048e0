"""Turn explained statements into a report: where the time goes, first of all."""

from collections.abc import Iterator
from itertools import pairwise, zip_longest
from math import ceil

from dbtool.errors import OperationError, UsageError
from dbtool.explain.examined import Examined, Explained
from dbtool.explain.marks import groups, marks
from dbtool.explain.plan import Plan
from dbtool.explain.rows import beside, estimate_table, plan_table
from dbtool.explain.runs import Runs
from dbtool.explain.selftime import Times
from dbtool.explain.unjoined import unjoined
from dbtool.explain.wording import count, duration, label, memory, milliseconds, title
from dbtool.explain.wording import times as times_of
from dbtool.report import Column, Report, Section, Table, Text, facts, percent

_BLOCK_KB = 8

NOTICEABLE = 10.0
"""Milliseconds of planning below which the headline does not speak of them."""

SPREAD_OUT = 0.05
"""Share of the time below which no node is the one that costs."""


def report(explained: Explained, command: str = "explain") -> Report:
    """All statements of one text, each with its plan, then what was found."""
    statements = explained.statements
    return Report(
        command=command,
        data=explained,
        headline=_headline(statements),
        sections=tuple(_all_sections(explained)),
        findings=tuple(finding for each in statements for finding in each.findings),
        unknowns=tuple(unknown for each in statements for unknown in each.unknowns),
        notes=(*explained.notes, *_spread(statements)),
        next=_next(statements),
        judged=any(each.times for each in statements),
        raw="\n".join(each.plan.raw for each in statements if each.plan.raw),
    )


def _headline(statements: tuple[Examined, ...]) -> str:
    if len(statements) == 1:
        return _verdict(statements[0])
    slowest = max(statements, key=lambda each: each.plan.execution_ms or 0.0)
    total = sum(each.plan.execution_ms or 0.0 for each in statements)
    if not total:
        return f"{len(statements)} statements planned, none run"
    return f"{len(statements)} statements, {duration(total)}; the slowest is {_named(slowest)}"


def _verdict(examined: Examined) -> str:
    plan, times = examined.plan, examined.times
    if times is None:
        rows, cost = _rows(plan.root.plan_rows), count(plan.root.total_cost)
        was = f"stopped after {examined.stopped:g} s" if examined.stopped else "not run"
        return f"{was}: the planner expects {rows} at a cost of {cost}"
    if not plan.timed:
        return f"{count(plan.root.rows)} rows; the plan carries no times"
    whole = plan.execution_ms if plan.execution_ms is not None else times.total_ms
    if plan.planning_ms and plan.planning_ms > max(whole, NOTICEABLE):
        return f"{duration(plan.planning_ms)} of planning, {duration(whole)} of running"
    triggers = sum(trigger.time_ms for trigger in plan.triggers)
    if triggers > times.total_ms and whole:
        return f"{duration(whole)}: {percent(triggers / whole)} of the time goes into triggers"
    slowest = max(plan.nodes, key=lambda node: times.of(node).wall_ms)
    if not times.total_ms:
        return duration(whole)
    part = times.part(slowest)
    if part < SPREAD_OUT:
        most = percent(ceil(round(part * 100, 6)) / 100)
        return f"{duration(whole)}: no node of {len(plan.nodes)} takes more than {most} of the time"
    return (
        f"{duration(whole)}: {percent(part)} of the time goes into #{slowest.id} {title(slowest)}"
    )


def _rows(number: float) -> str:
    return "1 row" if round(number) == 1 else f"{count(number)} rows"


def _all_sections(explained: Explained) -> Iterator[Section]:
    told = 0
    for examined in explained.statements:
        several = len(explained.statements) > 1
        name = _named(examined) if several or examined.values else ""
        if examined.times is None:
            yield estimate_table(examined.plan, name)
        else:
            marked = marks(examined.findings, told)
            yield plan_table(examined.plan, examined.times, marked, name)
        if named := tuple(_facts(examined)):
            yield facts(named)
        if examined.plan.triggers and examined.times is not None:
            yield _triggers(examined.plan)
        if remarks := tuple(_remarks(examined)):
            yield Text("\n".join(remarks))
        if examined.generic is not None:
            yield estimate_table(examined.generic, "the plan for any values")
            yield Text(_compared(examined.plan, examined.generic))
        told += groups(examined.findings)


def _triggers(plan: Plan) -> Table:
    """What is no node of the plan and still takes its time."""
    rows = sorted(plan.triggers, key=lambda trigger: -trigger.time_ms)
    return Table(
        columns=(
            Column("trigger", shrink=True),
            Column("on"),
            Column("calls", "right"),
            Column("ms", "right"),
        ),
        rows=tuple(
            (
                trigger.constraint or trigger.name,
                trigger.relation,
                count(trigger.calls),
                milliseconds(trigger.time_ms),
            )
            for trigger in rows
        ),
    )


SPREAD = 10
"""How many times slower one sample of values must be than another to be told."""


def _spread(statements: tuple[Examined, ...]) -> Iterator[str]:
    """Samples of one statement whose times are far apart: its time depends on the values."""
    timed = [each for each in statements if each.values and each.times]
    for first, second in pairwise(timed):
        low, high = sorted((first, second), key=lambda each: each.plan.root.time)
        apart = high.plan.root.time >= SPREAD * max(low.plan.root.time, 0.1)
        if first.line == second.line and apart:
            slow, quick = duration(high.plan.root.time), duration(low.plan.root.time)
            yield f"line {first.line}: {slow} with {high.values}; {quick} with {low.values}"


def _compared(custom: Plan, generic: Plan) -> str:
    """How the plan for any values differs from the one for these."""
    costs = f"cost {count(generic.root.total_cost)} for any values,"
    costs += f" {count(custom.root.total_cost)} for these"
    pairs = zip_longest(custom.nodes, generic.nodes)
    for mine, other in pairs:
        if mine is None or other is None or title(mine) != title(other):
            left, right = (title(each) if each else "nothing" for each in (other, mine))
            return f"another plan: {left} for any values, {right} for these; {costs}"
    return f"the same plan; {costs}"


def _named(examined: Examined) -> str:
    if examined.values:
        return f"line {examined.line}, {examined.values}"
    return f"line {examined.line}: {_first_words(examined.sql)}"


def _first_words(sql: str, width: int = 60) -> str:
    words = " ".join(sql.split())
    return words if len(words) <= width else words[: width - 1] + "…"


def _facts(examined: Examined) -> Iterator[tuple[str, str]]:
    plan = examined.plan
    if plan.planning_ms is not None:
        yield "planning", f"{duration(plan.planning_ms)}{_outside(examined)}"
    if plan.root.buffers is not None and examined.times is not None:
        touched, read = plan.root.buffers.touched, plan.root.buffers.read
        size = memory(touched * _BLOCK_KB)
        said = f"{count(touched)} ({size}), {count(read)} from outside shared buffers"
        yield "blocks", said + _reading(plan)
    if plan.root.number("WAL Bytes"):
        yield "WAL", _wal(plan)
    if examined.runs is not None and len(examined.runs.times_ms) > 1:
        yield "runs", _runs(examined.runs)
        if examined.runs.untimed_ms is not None:
            yield "clock", _clock(examined.runs)
    if plan.settings:
        changed = ", ".join(f"{key} = {value}" for key, value in plan.settings.items())
        yield "settings", changed


def _wal(plan: Plan) -> str:
    size = memory(max(plan.root.number("WAL Bytes") / 1024, 1))
    said = f"{size} in {times_of(plan.root.number('WAL Records'), 'record')}"
    images = plan.root.number("WAL FPI")
    return f"{said}, {times_of(images, 'whole page')} in it" if images else said


def _runs(runs: Runs) -> str:
    kind = "cold, from outside shared buffers" if runs.cold else "as warm as the rest"
    return (
        f"{len(runs.times_ms)}: first {duration(runs.first)} ({kind}),"
        f" then least {duration(runs.least)}, median {duration(runs.median)}; the plan is of the"
        " median"
    )


def _clock(runs: Runs) -> str:
    assert runs.untimed_ms is not None
    share = (
        f"{percent(runs.clock)} of the time above is the clock"
        if runs.clock >= 0.05
        else ("the clock takes nothing worth speaking of")
    )
    return f"{duration(runs.untimed_ms)} without a clock at every node: {share}"


def _reading(plan: Plan) -> str:
    """The time of reading blocks, which servers with track_io_timing measure."""
    keys = ("Shared I/O Read Time", "I/O Read Time", "Local I/O Read Time")
    spent = sum(plan.root.number(key) for key in keys)
    processes = " in all processes" if any(node.gather for node in plan.nodes) else ""
    return f", which took {duration(spent)}{processes}" if spent else ""


def refusal(explained: Explained) -> UsageError | None:
    """What was not run for want of a yes; its plan is in the report."""
    refused = [each for each in explained.statements if each.refused]
    if not refused:
        return None
    place = f" on line {refused[0].line}" if len(explained.statements) > 1 else ""
    return UsageError(
        f"refused to run the statement{place}",
        detail=refused[0].refused,
        hint="--yes runs it; --no-analyze shows the plan.",
    )


def stopped(explained: Explained) -> OperationError | None:
    """What ran out of time, though it was planned."""
    from dbtool.explain.failures import timed_out

    seconds = max((each.stopped for each in explained.statements), default=0.0)
    return timed_out(seconds) if seconds else None


def _remarks(examined: Examined) -> Iterator[str]:
    if examined.times is None:
        for join in unjoined(examined.plan):
            yield f"no condition joins {', '.join(join.left)} with {', '.join(join.right)}"
    if examined.times is not None:
        if examined.remains:
            yield f"rolled back; {'; '.join(examined.remains)}"
        yield from _inside(examined, examined.times)
        yield from _doubts(examined.times)


def _outside(examined: Examined) -> str:
    """What the execution took beyond the plan's nodes: triggers, start and end."""
    plan, times = examined.plan, examined.times
    if times is None or plan.execution_ms is None or not plan.timed:
        return ""
    triggers = sum(trigger.time_ms for trigger in plan.triggers)
    parts = [f", triggers {duration(triggers)}"] if triggers else []
    rest = plan.execution_ms - times.total_ms - triggers
    if rest >= max(1.0, 0.05 * plan.execution_ms):
        parts.append(f", {duration(rest)} outside the plan (start, end, compiling)")
    return "".join(parts)


def _inside(examined: Examined, times: Times) -> Iterator[str]:
    """Where InitPlans and CTEs ran; they are printed elsewhere."""
    for inner, outer in times.users:
        node = examined.plan.node(inner)
        if node.parent not in outer and times.part(node) >= 0.01:
            places = " and ".join(f"#{number}" for number in outer)
            yield f"#{inner} {label(node)} ran inside {places}"


def _doubts(times: Times) -> Iterator[str]:
    if any(share.approximate for share in times.shares):
        yield "≈ divided by the number of processes: the plan does not tell the workers apart"
    if any(map(beside, times.shares)):
        yield "∥ the work of processes that nobody waited for: no part of the time"
    if not all(share.consistent for share in times.shares):
        yield "? less than nothing: what the server printed does not add up there"


def _next(statements: tuple[Examined, ...]) -> tuple[str, ...]:
    """The command that makes an index part of the history, once it is in the model."""
    for examined in statements:
        for finding in examined.findings:
            if finding.fix and finding.fix.code.startswith("CREATE INDEX CONCURRENTLY "):
                name = finding.fix.code.split()[3].strip('"')
                return (f'dbtool revision --autogenerate -m "add {name}"',)
    return ()
