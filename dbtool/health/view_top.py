"""Turns statements of a window and sessions at work into a report."""

from collections.abc import Iterator

from dbtool.finding import Rule, Unknown, judge
from dbtool.health.profile import Profile, Work
from dbtool.health.rules import statement_dominates, statement_spills
from dbtool.health.statements import Access, Statement, explanation
from dbtool.health.top import Top, Window
from dbtool.health.wording import service, size
from dbtool.report import (
    Column,
    Metric,
    Report,
    Section,
    Table,
    counted,
    duration,
    listed,
    percent,
)

TOP: tuple[Rule[Top], ...] = (statement_dominates, statement_spills)
"""What `top` judges."""

WORK_SHOWN = 8
_INSTALL = (
    "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"
    " beside what it has; restart the server; CREATE EXTENSION pg_stat_statements"
)


def top_report(top: Top) -> Report:
    """What cost most in the window, then what sessions were at work on."""
    findings, unseen = judge(TOP, top)
    window = top.window
    return Report(
        command="top",
        data=top,
        headline=_headline(top),
        sections=tuple(_sections(top)),
        findings=findings,
        unknowns=(*_missing(top), *unseen),
        notes=tuple(_notes(top)),
        next=tuple(_next(top)),
        judged=window is not None,
        metrics=tuple(_metrics(top)),
    )


def _headline(top: Top) -> str:
    work = _sessions(top.profile)
    if top.window is None:
        return work
    window = top.window
    if not window.calls:
        return f"no statement ended within {duration(window.seconds)}; {work}"
    execution = duration(window.exec_ms / 1000)
    return (
        f"{counted(window.calls, 'call')} of {counted(window.distinct, 'statement')} took"
        f" {execution} within {duration(window.seconds)}; {work}"
    )


def _sessions(profile: Profile) -> str:
    seen = ", as far as this role can see" if profile.hidden else ""
    when = f"for {duration(profile.seconds)}"
    if profile.missed:
        when = f"in {counted(profile.looks, 'look')}"
    if not profile.work:
        return f"nobody was at work {when}{seen}"
    waits = [f"{wait} {_average(many)}" for wait, many in profile.by_wait().items()]
    return f"{_average(profile.sessions)} sessions at work on average{seen}: {listed(waits, 4)}"


def _average(sessions: float) -> str:
    return f"{sessions:.1f}" if sessions >= 0.1 else f"{sessions:.2f}"


def _sections(top: Top) -> Iterator[Section]:
    if top.window is not None and top.window.top:
        yield _statements(top.window, top.access.block_size)
    if top.profile.work:
        yield _work(top.profile)


def _statements(window: Window, block_size: int) -> Table:
    columns = (
        Column("time", "right"),
        Column("calls/s", "right"),
        Column("mean", "right"),
        Column("rows", "right", optional=5),
        Column("reads/s", "right", optional=4),
        Column("temp/s", "right", optional=2),
        Column("wal/s", "right", optional=6),
        Column("plan", "right", optional=7),
        Column("id", "right", optional=1),
        Column("role", optional=8),
        Column("statement", shrink=True, least=30),
    )
    rows = tuple(_row(each, window.seconds, block_size) for each in window.top)
    return Table(columns, rows, f"statements that ended within {duration(window.seconds)}")


def _row(statement: Statement, seconds: float, block_size: int) -> tuple[str, ...]:
    cost = statement.cost
    calls = max(cost.calls, 1)
    return (
        percent(statement.share),
        _rate(cost.calls / seconds),
        _milliseconds(cost.exec_ms / calls),
        _rate(cost.rows / calls),
        size(cost.read_blocks * block_size / seconds),
        size(cost.temp_blocks * block_size / seconds),
        size(cost.wal_bytes / seconds),
        _milliseconds(cost.plan_ms / calls) if cost.plan_ms else "",
        statement.query_id,
        statement.role,
        statement.query,
    )


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def _milliseconds(number: float) -> str:
    if number >= 10_000:
        return duration(number / 1000)
    return f"{number:,.0f} ms" if number >= 10 else f"{number:.2f} ms"


def _work(profile: Profile) -> Table:
    columns = (
        Column("sessions", "right"),
        Column("waits for"),
        Column("application", optional=1),
        Column("role", optional=2),
        Column("statement", shrink=True, least=24),
    )
    rows = tuple(_kind(each) for each in profile.work[:WORK_SHOWN])
    return Table(columns, rows, f"at work, on average over {counted(profile.looks, 'look')}")


def _kind(work: Work) -> tuple[str, ...]:
    wait = f"{work.wait}: {work.event}" if work.event else work.wait
    return _average(work.sessions), wait, service(work.application), work.role, work.query


def _missing(top: Top) -> Iterator[Unknown]:
    rights = top.rights
    if top.window is None and not (top.access.loaded and top.access.schema):
        yield Unknown(rule="top.statements", reason=_why(top.access), decide=_how(top.access))
    hidden = top.window.hidden if top.window else 0
    if hidden:
        reason = f"role {rights.role} may not see {counted(hidden, 'statement')} of other roles"
        yield Unknown(rule="top.statements", reason=reason, decide=rights.grant)
    if top.profile.hidden:
        hidden = round(top.profile.hidden)
        number = counted(hidden, "session") if hidden else "sessions"
        reason = f"role {rights.role} may not see what {number} of other roles do"
        yield Unknown(rule="top.profile", reason=reason, decide=rights.grant)


def _why(access: Access) -> str:
    if not access.loaded:
        return "pg_stat_statements is not loaded, so statements are not counted"
    return "pg_stat_statements is loaded, but not installed in this database"


def _how(access: Access) -> str:
    if access.loaded:
        return "CREATE EXTENSION pg_stat_statements"
    return _INSTALL


def _notes(top: Top) -> Iterator[str]:
    more = len(top.profile.work) - WORK_SHOWN
    if more > 0:
        yield f"{counted(more, 'other kind')} of work beside these; --json has all"
    if missed := top.profile.missed:
        looks = top.profile.looks
        yield f"only {looks:,} of {looks + missed:,} looks at sessions were taken in that time"
    if top.window is not None and top.window.by == "plan" and not top.access.planning:
        yield "pg_stat_statements.track_planning is off: times of planning are not kept"


def _next(top: Top) -> Iterator[str]:
    waits = top.profile.by_wait()
    if waits and next(iter(waits)) == "Lock":
        yield "dbtool locks"
    for each in top.window.top[:1] if top.window else ():
        if fix := explanation(each, top.access.database):
            yield fix.code


def _metrics(top: Top) -> Iterator[Metric]:
    for wait, many in top.profile.by_wait().items():
        help_text = "Sessions at work on average, by wait class."
        yield Metric("average_active_sessions", many, help_text, (("wait", wait),))
    if top.window is not None:
        seconds = top.window.seconds
        yield Metric("statement_calls_per_second", top.window.calls / seconds, "Calls a second.")
        busy = top.window.exec_ms / 1000 / seconds
        yield Metric("statement_execution_ratio", busy, "Seconds of execution in a second.")
