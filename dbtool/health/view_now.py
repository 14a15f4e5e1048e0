"""Turns the state of a server into a verdict, at most three causes, and the vital signs."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dbtool.finding import Finding, Severity, Unknown, judge, rule_name
from dbtool.health.gauges import connections
from dbtool.health.now import Now, Working
from dbtool.health.parts import Gap
from dbtool.health.pool import Pool
from dbtool.health.progress import Work
from dbtool.health.rules import LOCKS, POOL, SIGNS, transaction_held_idle
from dbtool.health.tree import seconds
from dbtool.health.vitals import Vitals
from dbtool.health.wording import service
from dbtool.report import (
    Column,
    Metric,
    Report,
    Table,
    counted,
    duration,
    facts,
    listed,
    percent,
)

CAUSES = 3
EVIDENCE = 2
HALF = 1 << 31
SIGN_RULES = frozenset(rule_name(rule.__name__) for rule in SIGNS)
LOCK_RULES = frozenset(rule_name(rule.__name__) for rule in LOCKS)
IDLE = transaction_held_idle.NAME


def now_report(now: Now) -> Report:
    """The verdict, what causes it, and the vital signs below."""
    findings, unknowns = _judged(now)
    causes, more = findings[:CAUSES], findings[CAUSES:]
    return Report(
        command="now",
        data=now,
        headline=_verdict(now, findings, unknowns),
        findings=tuple(_brief(each) for each in causes),
        unknowns=unknowns,
        notes=tuple(_notes(now, more)),
        next=tuple(dict.fromkeys(_next(each, now) for each in causes)),
        judged=True,
        below=(facts(_signs(now)),),
        metrics=tuple(_metrics(now)),
    )


def _judged(now: Now) -> tuple[tuple[Finding, ...], tuple[Unknown, ...]]:
    """All findings, the worst first and among those the ones that hold others up."""
    found, unknown = judge(POOL, now.pool) if now.pool else ((), ())
    more, unseen = judge(SIGNS, now)
    ranked = sorted((*found, *more), key=lambda each: (-each.severity, each.rule not in LOCK_RULES))
    return tuple(ranked), (*_gaps(now.gaps), *unknown, *unseen, *_hidden(Working.of(now)))


def _gaps(gaps: Iterable[Gap]) -> Iterator[Unknown]:
    for gap in gaps:
        if not gap.skipped:
            yield Unknown(rule=f"now.{gap.part}", reason=gap.reason, decide=gap.decide)


def _hidden(working: Working) -> Iterator[Unknown]:
    if working.hidden:
        yield Unknown(
            rule="now.progress",
            reason=f"role {working.rights.role} may not see what"
            f" {counted(working.hidden, 'long operation')} of other roles"
            f" {'does' if working.hidden == 1 else 'do'}",
            decide=working.rights.grant,
        )


def _brief(finding: Finding) -> Finding:
    """Without the fix, unless no other command shows it."""
    fix = finding.fix if finding.rule in SIGN_RULES and not _command(finding) else None
    return replace(finding, evidence=finding.evidence[:EVIDENCE], fix=fix)


def _command(finding: Finding) -> str:
    return finding.fix.code if finding.fix and finding.fix.language == "shell" else ""


def _next(finding: Finding, now: Now) -> str:
    """The command that shows more of a cause, or ends it."""
    if command := _command(finding):
        return command
    if finding.rule == IDLE and not _idle_blocks(now):
        return "dbtool pool"
    if finding.rule in LOCK_RULES:
        return "dbtool locks"
    if finding.rule in SIGN_RULES:
        return f"dbtool rules {finding.rule}"
    return "dbtool pool"


def _idle_blocks(now: Now) -> bool:
    """Whether anybody waits for an idle transaction: only those stand in the lock forest."""
    return any(each.blocks for each in (now.pool.idle_transactions if now.pool else ()))


def _notes(now: Now, more: tuple[Finding, ...]) -> Iterator[str]:
    for gap in now.gaps:
        if gap.skipped:
            yield f"skipped: {gap.reason}"
    if more:
        names = ", ".join(dict.fromkeys(each.rule for each in more))
        yield f"{counted(len(more), 'other finding')} beside these: {names}"


def _verdict(now: Now, findings: tuple[Finding, ...], unknowns: tuple[Unknown, ...]) -> str:
    worst = max((each.severity for each in findings), default=Severity.NOTE)
    if worst is Severity.NOTE:
        seen = "nothing wrong, as far as this role can see" if unknowns else "nothing wrong"
        return f"{seen}: {_calm(now)}"
    words = {Severity.ERROR: "act now", Severity.WARNING: "look at this"}
    return f"{words[worst]}: {findings[0].title}"


def _calm(now: Now) -> str:
    if now.pool is None:
        return "the connections could not be counted"
    slots, waiters = now.pool.slots, now.pool.forest.waiters
    waits = f"{counted(waiters, 'session')} waiting" if waiters else "nobody waits"
    waits = waits if now.pool.forest.known else "who waits is not known"
    return f"{slots.used:,} of {slots.usable:,} slots in use, {waits}"


def _signs(now: Now) -> Iterator[tuple[str, str]]:
    if now.pool is not None:
        yield from _of_pool(now.pool)
    yield from _of_vitals(now)
    kind = "standby" if now.server.in_recovery else "primary"
    yield "server", f"PostgreSQL {now.server.version.split()[0]}, {kind}"


def _of_pool(pool: Pool) -> Iterator[tuple[str, str]]:
    slots, forest, oldest = pool.slots, pool.forest, pool.oldest_transaction
    share = percent(slots.used / slots.usable) if slots.usable else "none usable"
    yield "slots", f"{slots.used:,} of {slots.usable:,} in use ({share}), {slots.free:,} free"
    if forest.waiters:
        longest = max(seconds(node) for node in forest.nodes)
        verb = "waits" if forest.waiters == 1 else "wait"
        yield "locks", f"{counted(forest.waiters, 'session')} {verb}, up to {duration(longest)}"
    else:
        yield "locks", "nobody waits" if forest.known else "not known"
    if oldest:
        seen = "oldest" if pool.sight.complete else "oldest that is seen"
        yield (
            "transaction",
            f"{seen} {duration(oldest.seconds)}: pid {oldest.pid},"
            f" {service(oldest.application)}, {oldest.state}",
        )


def _of_vitals(now: Now) -> Iterator[tuple[str, str]]:
    vitals = now.vitals
    if vitals.activity is not None:
        unseen = _unseen(now.pool)
        seen = _active(vitals, complete=not unseen)
        yield "active", "; ".join(filter(None, (seen, unseen)))
    if vitals.undecided is not None and vitals.undecided.count:
        oldest = duration(vitals.undecided.oldest_seconds or 0)
        yield "prepared", f"{vitals.undecided.count:,} undecided, the oldest for {oldest}"
    if vitals.replication is not None:
        yield "replication", _replication(vitals)
    if vitals.ids is not None:
        share = max(vitals.ids.xid_age, vitals.ids.mxid_age) / HALF
        yield "ids", f"{percent(share)} used, most in {vitals.ids.database}"
    if vitals.archiving is not None:
        yield "archiving", _archiving(vitals)
    for each in (vitals.work or ())[:CAUSES]:
        yield "work", work_line(each)


def _active(vitals: Vitals, *, complete: bool) -> str:
    assert vitals.activity is not None
    waits = vitals.activity.waits
    if not waits:
        return "no statement runs" if complete else "none is seen"
    classes = listed([f"{name} {count:,}" for name, count in waits.items()], 4)
    line = f"{counted(sum(waits.values()), 'session')}: {classes}"
    if longest := vitals.activity.longest:
        line += f"; longest {duration(longest.seconds)}, pid {longest.pid}"
    return line


def _unseen(pool: Pool | None) -> str:
    """How much was left out for want of rights: what nobody may see is not nothing."""
    if pool is None or pool.sight.complete:
        return ""
    sight = pool.sight
    unseen, all_of_them = sight.hidden + sight.untracked, counted(sight.connections, "connection")
    return f"the state of {unseen:,} of {all_of_them} is hidden"


def _replication(vitals: Vitals) -> str:
    assert vitals.replication is not None
    replicas, delay = vitals.replication.replicas, vitals.replication.delay_seconds
    parts = [counted(len(replicas), "replica") if replicas else "no replica"]
    lags = [each.lag_seconds for each in replicas if each.lag_seconds is not None]
    if lags:
        parts.append(f"up to {duration(max(lags))} behind")
    if delay is not None:
        parts.append(f"this standby is {duration(delay)} behind")
    if vitals.replication.streaming:
        parts.append("this standby streams from its primary")
    if vitals.replication.paused:
        parts.append("replay is paused")
    if vitals.slots:
        kept = max(each.retained or 0 for each in vitals.slots) / (1 << 30)
        verb = "keeps" if len(vitals.slots) == 1 else "keep"
        parts.append(f"{counted(len(vitals.slots), 'slot')} {verb} up to {kept:.1f} GB of WAL")
    return ", ".join(parts)


def _archiving(vitals: Vitals) -> str:
    assert vitals.archiving is not None
    archiving = vitals.archiving
    if archiving.mode == "off":
        return "off"
    if archiving.failing_seconds is not None:
        return f"fails, nothing for {duration(archiving.failing_seconds)}"
    if archiving.fails:
        return "fails, since when is not known"
    if archiving.archived_seconds is None:
        return "on, nothing yet"
    return f"on, last {duration(archiving.archived_seconds)} ago"


def work_line(work: Work) -> str:
    """One operation in a line."""
    what = f"{work.command} on {work.relation}" if work.relation else work.command
    line = f"pid {work.pid}, {what}: {work.phase}"
    if work.share is not None:
        line += f", {percent(work.share)}"
    if work.locker is not None:
        line += f", waits for pid {work.locker}"
    if work.remaining is not None:
        line += f", about {duration(work.remaining)} left in this phase"
    return line


def progress_report(working: Working) -> Report:
    """What long operations are doing."""
    columns = (
        Column("pid", "right"),
        Column("operation", shrink=True, least=16),
        Column("phase", shrink=True, least=16),
        Column("done", "right"),
        Column("rate", "right", optional=2),
        Column("left", "right"),
        Column("since", "right", optional=1),
    )
    some = counted(len(working.work), "operation")
    return Report(
        command="now",
        data=working,
        headline=f"{some} at work" if working.work else _none(working),
        sections=(Table(columns, tuple(map(_row, working.work))),) if working.work else (),
        notes=tuple(
            f"pid {each.pid} waits for pid {each.locker}" for each in working.work if each.locker
        ),
        unknowns=(*_gaps(working.gaps), *_hidden(working)),
    )


def _none(working: Working) -> str:
    if working.gaps:
        return "whether an operation reports progress is not known"
    seen = " that this role may see" if working.hidden else ""
    return f"no operation{seen} reports progress"


def _row(work: Work) -> tuple[str, ...]:
    what = f"{work.command} on {work.relation}" if work.relation else work.command
    return (
        str(work.pid),
        what,
        work.phase,
        percent(work.share) if work.share is not None else "",
        f"{work.rate:,.0f} {work.unit}/s" if work.rate is not None else "",
        duration(work.remaining) if work.remaining is not None else "",
        duration(work.seconds) if work.seconds is not None else "",
    )


def _metrics(now: Now) -> Iterator[Metric]:
    if now.pool is not None:
        yield from connections(now.pool)
    if now.pool is not None and now.pool.sight.complete:
        for name, count in (now.vitals.activity.waits if now.vitals.activity else {}).items():
            labels = (("wait", name),)
            yield Metric("active_sessions", count, "Sessions at work, by wait class.", labels)
    yield from _sign_metrics(now.vitals)


def _sign_metrics(vitals: Vitals) -> Iterator[Metric]:
    for name, lag in _lags(vitals).items():
        labels = (("replica", name),)
        yield Metric("replica_lag_seconds", lag, "How far a replica is behind.", labels)
    for slot in vitals.slots or ():
        if slot.retained is not None:
            labels = (("slot", slot.name),)
            yield Metric("slot_retained_bytes", slot.retained, "WAL kept for a slot.", labels)
    if vitals.ids is not None:
        yield Metric("xid_age", vitals.ids.xid_age, "Age of the oldest transaction id.", most=HALF)
        yield Metric("mxid_age", vitals.ids.mxid_age, "The same of multixact ids.", most=HALF)


def _lags(vitals: Vitals) -> dict[str, float]:
    """The worst lag of each name: replicas may share one, and no two samples may be alike."""
    lags: dict[str, float] = {}
    for each in vitals.replication.replicas if vitals.replication else ():
        if each.lag_seconds is not None:
            lags[each.application] = max(each.lag_seconds, lags.get(each.application, 0.0))
    return lags
