"""Explain each statement of a traced call with its own values, and judge them together."""

import asyncio
from dataclasses import replace

from dbtool.database.connect import connect
from dbtool.database.target import Target
from dbtool.errors import ConnectError, DbtoolError, Interrupted
from dbtool.explain.limits import Place, check_timeout
from dbtool.explain.parameters import number
from dbtool.explain.prepare import Given, prepare
from dbtool.explain.rules import column_load_repeated, lazy_load_repeated, statement_repeated
from dbtool.explain.run import How, explain
from dbtool.explain.trace.groups import Group, Trace
from dbtool.finding import Finding, Rule, judge
from dbtool.guard import Action, Permission, classify, permit
from dbtool.ports import Progress

RULES: tuple[Rule[Group], ...] = (lazy_load_repeated, column_load_repeated, statement_repeated)

MOST_EXPLAINED = 20
"""Statements that are explained; the rest of them take less time than these."""


def permitted(
    target: Target, permission: Permission, *, commits: bool, seconds: float | None
) -> float:
    """How many seconds a statement may take, once somebody agreed as the database demands."""
    check_timeout(seconds)
    place = asyncio.run(_place(target, permission))
    action = Action.TRACE_COMMITS if commits else Action.TRACE
    permit(action, place.classified, place.database, permission.consent, permission.ask)
    return seconds or place.seconds(writes=False)


async def _place(target: Target, permission: Permission) -> Place:
    connection = await connect(target)
    try:
        classified = await classify(connection, target, permission.environment(target))
    finally:
        await connection.close(timeout=2.0)
    return Place(classified, target.database)


def judged(trace: Trace) -> Trace:
    """The trace with what rules say about its groups, the most repeated first."""
    findings: list[Finding] = []
    for group in trace.groups:
        found, _ = judge(RULES, group)
        findings += found
    findings.sort(key=lambda finding: -finding.severity)
    return replace(trace, findings=tuple(findings))


def explained(
    trace: Trace, target: Target, how: How, permission: Permission, progress: Progress
) -> Trace:
    """The trace with the plan of each of its slowest statements."""
    most = trace.groups[:MOST_EXPLAINED]
    groups = []
    for place, group in enumerate(most, 1):
        progress.step(f"explaining statement {place} of {len(most)}")
        groups.append(_explained(group, target, how, permission, progress))
    left = len(trace.groups) - len(most)
    notes = trace.notes
    if left:
        notes = (*notes, f"{left} more statements, which took less time, are not explained")
    return replace(trace, groups=(*groups, *trace.groups[MOST_EXPLAINED:]), notes=notes)


def _explained(
    group: Group, target: Target, how: How, permission: Permission, progress: Progress
) -> Group:
    """What reads is run as `explain` runs it; what writes is only planned."""
    text, own = group.text, replace(how, bound=_values(group))
    try:
        statements = prepare(text, Given(bound=own.bound), analyze=False).statements
        if any(each.writes for each in statements):
            own = replace(own, analyze=False)
        found = explain(target, text, how=own, permission=permission, progress=progress)
    except (ConnectError, Interrupted):
        raise
    except DbtoolError as error:
        return replace(group, unexplained=error.message)
    examined = found.statements[0]
    return replace(group, examined=examined, unexplained=examined.refused)


def _values(group: Group) -> tuple[str | None, ...]:
    """The values in the order of the placeholders, which some drivers name."""
    record = group.slowest
    if not record.names:
        return record.values
    known = dict(zip(record.names, record.values, strict=True))
    return tuple(known.get(name) for name in number(group.text).names)
