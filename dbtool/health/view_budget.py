"""Shows the arithmetic of a connection budget line by line."""

from collections.abc import Iterator

from dbtool.finding import judge
from dbtool.health.budget import COMFORT, Budget
from dbtool.health.rules import BUDGET
from dbtool.report import Column, Report, Table, counted, facts, percent


def budget_report(budget: Budget) -> Report:
    """The sum, what it is compared with, and what would fit."""
    findings, unknowns = judge(BUDGET, budget)
    return Report(
        command="pool budget",
        data=budget,
        headline=_headline(budget),
        sections=(
            Table((Column(""), Column("connections", "right")), tuple(_sum(budget))),
            facts(_sizing(budget)),
        ),
        findings=findings,
        unknowns=unknowns,
        judged=True,
    )


def _headline(budget: Budget) -> str:
    usable = budget.pool.slots.usable
    if budget.apart or budget.beside_pooler:
        sure = budget.poolers + budget.wanted.reserve
        most = "unlimited" if budget.needed is None else f"up to {budget.needed:,}"
        return (
            f"up to {sure:,} connections of poolers and reserve, {most} if the processes come to"
            f" the server itself; {usable:,} usable slots"
        )
    if budget.needed is None:
        return f"nothing limits the connections that may be opened; {usable:,} slots are usable"
    if budget.through_pooler and not budget.poolers:
        return f"a pooler takes the application's connections; {usable:,} slots are usable"
    share = percent(budget.needed / usable)
    return f"up to {budget.needed:,} connections for {usable:,} usable slots ({share})"


def _sum(budget: Budget) -> Iterator[tuple[str, str]]:
    wanted, slots = budget.wanted, budget.pool.slots
    overflow = _number(wanted.overflow)
    yield (
        f"{wanted.processes:,} processes × (pool_size {_number(wanted.size)}"
        f" + max_overflow {overflow})",
        _number(budget.steady),
    )
    if wanted.surge != 1:
        yield f"× {wanted.surge:g} while a deployment runs", _number(budget.deploying)
    if budget.through_pooler:
        yield "of these to the server itself, past the pooler", "0"
    yield _poolers(budget), f"{budget.poolers:,}"
    yield "+ reserve", f"{wanted.reserve:,}"
    yield "= needed", _number(budget.needed)
    reserves = f" - {slots.role_reserved:,} reserved" if slots.role_reserved else ""
    yield (
        f"usable: {slots.max_connections:,} max_connections - {slots.superuser_reserved:,}"
        f" for superusers{reserves}",
        f"{slots.usable:,}",
    )
    yield "in use now", f"{slots.used:,}"


def _poolers(budget: Budget) -> str:
    if budget.pooler and budget.wanted.poolers is None:
        pools = counted(len(budget.pooler.pools), "pool")
        return f"+ poolers: {pools} of PgBouncer at {budget.pooler.address}"
    return "+ poolers"


def _number(number: int | None) -> str:
    return "unlimited" if number is None else f"{number:,}"


def _sizing(budget: Budget) -> Iterator[tuple[str, str]]:
    wanted, usable = budget.wanted, budget.pool.slots.usable
    if budget.engine:
        yield "engine", f"{budget.engine.spec}: {budget.engine.pool}, {budget.engine.driver}"
    if not budget.through_pooler:
        yield (
            "fits",
            f"up to {budget.per_process:,} for each process: ({percent(COMFORT)} of {usable:,}"
            f" - {budget.poolers + wanted.reserve:,}) / ({wanted.processes:,} × {wanted.surge:g})",
        )
    if wanted.cores:
        low, high = 2 * wanted.cores, 4 * wanted.cores
        each = f"{max(low // wanted.processes, 1):,} to {max(-(-high // wanted.processes), 1):,}"
        yield (
            "works",
            f"{low:,} to {high:,} at once on {wanted.cores:,} cores (2 to 4 for each):"
            f" pool_size {each} for each process",
        )
    else:
        yield "works", "2 to 4 at once for each core of the server: --cores N divides them"
