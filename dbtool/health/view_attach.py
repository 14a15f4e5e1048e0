"""Turns what the probes of applications answered into a report."""

from collections.abc import Iterator
from pathlib import Path

from dbtool.finding import Rule, Unknown, judge, rule_name
from dbtool.health.attach import Attached, CallSite, Process
from dbtool.health.rules import (
    pool_callers_wait,
    pool_held_at_one_call_site,
    pool_leaks_at_call_site,
)
from dbtool.report import Cell, Column, Metric, Report, Styled, Table, counted, duration

RULES: tuple[Rule[Attached], ...] = (
    pool_held_at_one_call_site,
    pool_leaks_at_call_site,
    pool_callers_wait,
)
"""What `pool attach` judges."""

_PROCESSES = 12
_PLACES = 6


def attached_report(attached: Attached) -> Report:
    """The pools of this machine's applications, and the lines that hold their connections."""
    findings, unknowns = judge(RULES, attached)
    silent = tuple(
        Unknown(
            rule=rule_name(pool_callers_wait.__name__),
            reason=f"{each.socket}: {each.reason}",
            decide=each.decide,
        )
        for each in attached.silent
    )
    return Report(
        command="pool attach",
        data=attached,
        headline=_headline(attached),
        sections=tuple(_sections(attached)),
        findings=findings,
        unknowns=(*unknowns, *silent),
        judged=True,
        metrics=tuple(_metrics(attached)),
    )


def _headline(attached: Attached) -> str:
    pools = counted(len(attached.processes), "pool")
    used = sum(each.used for each in attached.processes)
    pending = sum(each.pending for each in attached.processes)
    waiting = f"{pending:,} waiting" if pending else "nobody waits"
    return f"{pools}: {counted(used, 'connection')} in use, {waiting}"


def _sections(attached: Attached) -> Iterator[Table]:
    ranked = sorted(attached.processes, key=lambda each: (-each.pending, -each.used, each.pid))
    columns = (
        Column("application", shrink=True),
        Column("pid", "right"),
        Column("in use", "right"),
        Column("idle", "right", optional=2),
        Column("waiting", "right"),
        Column("wait p50", "right", optional=1),
        Column("p95", "right"),
        Column("timeouts", "right"),
        Column("database", shrink=True, optional=3),
    )
    rows = tuple(_process(each) for each in ranked[:_PROCESSES])
    if (rest := len(ranked) - _PROCESSES) > 0:
        rows += ((f"+{rest:,} more", *[""] * (len(columns) - 1)),)
    yield Table(columns, rows)
    held = [(each, place) for each in ranked for place in each.places if _long(each, place)]
    held.sort(key=lambda each: -each[1].ages[0])
    if held:
        yield Table(
            (
                Column("pid", "right"),
                Column("held", "right"),
                Column("longest", "right"),
                Column("taken at", shrink=True),
            ),
            tuple(_held(process, place) for process, place in held[:_PLACES]),
            title="held long",
        )


def _process(process: Process) -> tuple[Cell, ...]:
    pool, recent = process.pool, process.recent
    of = f" of {pool.size}+{pool.overflow}" if pool.capacity is not None else ""
    used = f"{process.used:,}{of}"
    return (
        process.service,
        str(process.pid),
        Styled(used, "warning") if process.full else used,
        f"{process.idle:,}",
        Styled(f"{process.pending:,}", "warning") if process.pending else "",
        duration(recent.wait_p50) if recent.waits else "",
        duration(recent.wait_p95) if recent.waits else "",
        Styled(f"{process.timeouts:,}", "error") if process.timeouts else "",
        pool.name,
    )


def _long(process: Process, place: CallSite) -> bool:
    return bool(place.ages) and place.ages[0] >= process.threshold


def _held(process: Process, place: CallSite) -> tuple[Cell, ...]:
    return (str(process.pid), f"{place.held:,}", duration(place.ages[0]), _taken(place))


def _taken(place: CallSite) -> str:
    """The function and its file's name; findings and JSON have the whole path."""
    if not place.frames:
        return "(no line of the application)"
    frame = place.frames[0]
    return f"{frame.function} {Path(frame.file).name}:{frame.line}"


def _metrics(attached: Attached) -> Iterator[Metric]:
    for each in attached.processes:
        labels = (("service", each.service), ("pid", str(each.pid)), ("pool", each.pool.name))
        most = each.pool.capacity
        yield Metric("pool_used", each.used, "Connections in use.", labels, most)
        yield Metric("pool_pending", each.pending, "Callers that wait.", labels)
        yield Metric("pool_timeouts", each.timeouts, "Waits given up so far.", labels)
