"""Turns what a health question found into a report."""

from collections import Counter
from collections.abc import Callable, Iterator

from dbtool.finding import Finding, judge, rule_name
from dbtool.health.gauges import slots
from dbtool.health.pool import Group, Pool
from dbtool.health.rules import POOL, asyncpg_through_pooler
from dbtool.health.wording import service
from dbtool.report import (
    Bar,
    Bars,
    Cell,
    Column,
    Report,
    Section,
    Styled,
    Table,
    Tone,
    duration,
    facts,
    listed,
    percent,
)

APPLICATIONS = 4
"""Rows of the table; the rest is one row, so that the report fits 24 lines."""

STATES: dict[str, Tone] = {"active": "good", "idle": "muted", "idle in transaction": "warning"}
HIDDEN = "state hidden"
OTHER = "other"


def pool_report(pool: Pool) -> Report:
    """The connections of one server: how many are left, who holds them, what is wrong."""
    findings, unknowns = judge(POOL, pool)
    applications = _by_application(pool)
    folded = len(applications) > APPLICATIONS
    return Report(
        command="pool",
        data=pool,
        headline=_headline(pool),
        sections=tuple(_sections(pool, applications)),
        findings=_wrong_rows_first(findings),
        unknowns=unknowns,
        next=("dbtool pool --json",) if folded else (),
        judged=True,
        metrics=tuple(slots(pool)),
    )


def _wrong_rows_first(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Wrong answers without an error come before everything that shows by itself."""
    silent = rule_name(asyncpg_through_pooler.__name__)
    return tuple(sorted(findings, key=lambda finding: finding.rule != silent))


def _headline(pool: Pool) -> str:
    slots = pool.slots
    taken = min(slots.used, slots.usable)
    used = f"at most {taken:,}" if slots.hidden else f"{taken:,}"
    free = f"{slots.free:,} free" if slots.free else "none free"
    line = (
        f"{used} of {slots.usable:,} usable slots in use ({percent(taken / slots.usable)}), {free}"
    )
    reserved = slots.superuser_reserved + slots.role_reserved
    over = min(slots.used - taken, reserved)
    return f"{line}; {over:,} of {reserved:,} reserved ones too" if over else line


def _sections(pool: Pool, applications: dict[str, list[Group]]) -> Iterator[Section]:
    if pool.groups:
        yield Bars(tuple(_bars(pool)))
        yield _table(applications)
    yield facts(_facts(pool))


def _state(group: Group) -> str:
    if group.state is None:
        return HIDDEN
    state = group.state.removesuffix(" (aborted)")
    return state if state in STATES else OTHER


def _bars(pool: Pool) -> Iterator[Bar]:
    states: Counter[str] = Counter()
    for group in pool.groups:
        states[_state(group)] += group.count
    for state in (*STATES, OTHER, HIDDEN):
        if states[state]:
            tone = STATES.get(state, "plain")
            yield Bar(state, states[state], pool.slots.usable, f"{states[state]:,}", tone)


def _by_application(pool: Pool) -> dict[str, list[Group]]:
    """Groups by service, the largest first."""
    found: dict[str, list[Group]] = {}
    for group in pool.groups:
        found.setdefault(service(group.application), []).append(group)
    return dict(sorted(found.items(), key=lambda item: -_total(item[1])))


def _total(groups: list[Group]) -> int:
    return sum(group.count for group in groups)


def _table(applications: dict[str, list[Group]]) -> Table:
    every = [group for groups in applications.values() for group in groups]
    present = [
        state for state in (*STATES, OTHER, HIDDEN) if any(_state(g) == state for g in every)
    ]
    rows = list(applications.items())
    shown, rest = rows[:APPLICATIONS], rows[APPLICATIONS:]
    if rest:
        tail = [group for _, groups in rest for group in groups]
        shown.append((f"+{len(rest):,} more", tail))
    return Table(
        columns=(
            Column("application", shrink=True),
            Column("all", "right"),
            *(Column(state, "right") for state in present),
            Column("oldest", "right", optional=1),
        ),
        rows=tuple(_row(name, groups, present) for name, groups in shown),
    )


def _row(name: str, groups: list[Group], states: list[str]) -> tuple[Cell, ...]:
    counts: Counter[str] = Counter()
    for group in groups:
        counts[_state(group)] += group.count
    ages = [group.oldest_seconds for group in groups if group.oldest_seconds is not None]
    return (
        name,
        f"{_total(groups):,}",
        *(_count(state, counts[state]) for state in states),
        duration(max(ages)) if ages else "",
    )


def _count(state: str, count: int) -> Cell:
    if not count:
        return ""
    return Styled(f"{count:,}", STATES.get(state, "plain"))


def _facts(pool: Pool) -> Iterator[tuple[str, str]]:
    slots, ages, oldest = pool.slots, pool.ages, pool.oldest_transaction
    if pool.groups:
        yield "roles", _top(pool, lambda group: group.role)
        yield "databases", _top(pool, lambda group: group.database)
        yield "clients", _top(pool, lambda group: group.client or "hidden")
    if ages:
        yield (
            "connected",
            f"for {duration(ages.youngest)} to {duration(ages.oldest)},"
            f" median {duration(ages.median)}",
        )
    if oldest:
        yield (
            "transaction",
            f"oldest {duration(oldest.seconds)}: pid {oldest.pid},"
            f" {service(oldest.application)}, {oldest.state}",
        )
    kind = "standby" if pool.server.in_recovery else "primary"
    reserves = f" - {slots.role_reserved} reserved" if slots.role_reserved else ""
    yield (
        "server",
        f"PostgreSQL {pool.server.version.split()[0]}, {kind}: {slots.max_connections:,} slots"
        f" - {slots.superuser_reserved} for superusers{reserves}",
    )


def _top(pool: Pool, key: Callable[[Group], str]) -> str:
    counts: Counter[str] = Counter()
    for group in pool.groups:
        counts[key(group)] += group.count
    return listed([f"{name} {count:,}" for name, count in counts.most_common()], 4)
