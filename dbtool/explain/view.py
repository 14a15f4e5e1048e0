"""Turn explained statements into a report: where the time goes, first of all."""

from collections.abc import Iterator

from dbtool.explain.examined import Examined, Explained
from dbtool.explain.rows import estimate_table, plan_table
from dbtool.explain.selftime import Times
from dbtool.explain.wording import count, duration, label, percent, title
from dbtool.finding import Finding
from dbtool.report import Report, Section, Text

_BLOCK_KB = 8


def report(explained: Explained, command: str = "explain") -> Report:
    """All statements of one text, each with its plan, then what was found."""
    statements = explained.statements
    return Report(
        command=command,
        data=explained,
        headline=_headline(statements),
        sections=tuple(section for each in statements for section in _sections(each, explained)),
        findings=tuple(finding for each in statements for finding in each.findings),
        unknowns=tuple(unknown for each in statements for unknown in each.unknowns),
        notes=explained.notes,
        next=_next(statements),
        judged=any(each.times for each in statements),
    )


def _headline(statements: tuple[Examined, ...]) -> str:
    if len(statements) == 1:
        return _verdict(statements[0])
    slowest = max(statements, key=lambda each: each.plan.execution_time or 0.0)
    total = sum(each.plan.execution_time or 0.0 for each in statements)
    if not total:
        return f"{len(statements)} statements planned, none run"
    return f"{len(statements)} statements, {duration(total)}; the slowest is on line {slowest.line}"


def _verdict(examined: Examined) -> str:
    plan, times = examined.plan, examined.times
    if times is None:
        rows, cost = count(plan.root.plan_rows), count(plan.root.total_cost)
        return f"not run: the planner expects {rows} rows at a cost of {cost}"
    if not plan.timed:
        return f"{count(plan.root.rows)} rows; the plan carries no times"
    whole = plan.execution_time if plan.execution_time is not None else times.total
    slowest = max(plan.nodes, key=lambda node: times.of(node).wall)
    if not times.total:
        return duration(whole)
    share = percent(times.part(slowest))
    return f"{duration(whole)}: {share} of the time goes into #{slowest.id} {title(slowest)}"


def _sections(examined: Examined, explained: Explained) -> Iterator[Section]:
    several = len(explained.statements) > 1
    name = f"line {examined.line}: {_first_words(examined.sql)}" if several else ""
    flagged = _flagged(examined.findings)
    if examined.times is None:
        yield estimate_table(examined.plan, name)
    else:
        yield plan_table(examined.plan, examined.times, flagged, name)
    if lines := list(_summary(examined)):
        yield Text("\n".join(lines))


def _flagged(findings: tuple[Finding, ...]) -> dict[int, Finding]:
    """The worst finding of each node, by the number its place begins with."""
    found: dict[int, Finding] = {}
    for finding in findings:
        name = finding.location.name if finding.location else None
        if name and name.startswith("#"):
            found.setdefault(int(name[1:].partition(" ")[0]), finding)
    return found


def _first_words(sql: str, width: int = 60) -> str:
    words = " ".join(sql.split())
    return words if len(words) <= width else words[: width - 1] + "…"


def _summary(examined: Examined) -> Iterator[str]:
    plan = examined.plan
    if plan.planning_time is not None:
        yield f"planning {duration(plan.planning_time)}{_outside(examined)}"
    if plan.root.buffers is not None and examined.times is not None:
        touched, read = plan.root.buffers.touched, plan.root.buffers.read
        size = touched * _BLOCK_KB / 1024
        yield f"blocks {count(touched)} ({size:,.1f} MB), {count(read)} from outside shared buffers"
    if plan.settings:
        yield "settings " + ", ".join(f"{key} = {value}" for key, value in plan.settings.items())
    if examined.times is not None:
        yield from _inside(examined, examined.times)
        yield from _doubts(examined.times)


def _outside(examined: Examined) -> str:
    """What the execution took beyond the plan's nodes: triggers, start and end."""
    plan, times = examined.plan, examined.times
    if times is None or plan.execution_time is None or not plan.timed:
        return ""
    triggers = sum(trigger.time for trigger in plan.triggers)
    parts = [f", triggers {duration(triggers)}"] if triggers else []
    rest = plan.execution_time - times.total - triggers
    if rest >= max(1.0, 0.05 * plan.execution_time):
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
    if not all(share.consistent for share in times.shares):
        yield "? less than nothing: what the server printed does not add up there"


def _next(statements: tuple[Examined, ...]) -> tuple[str, ...]:
    """The command that makes an index part of the history."""
    for examined in statements:
        for finding in examined.findings:
            if finding.fix and finding.fix.code.startswith("CREATE INDEX CONCURRENTLY "):
                name = finding.fix.code.split()[3].strip('"')
                return (f'dbtool revision -m "add {name}"',)
    return ()
