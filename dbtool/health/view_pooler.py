"""Turns what a pooler and the server behind it said into one report."""

from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import judge, rule_name
from dbtool.health.gauges import poolers
from dbtool.health.layers import Layers, Queue
from dbtool.health.rules import POOLER, asyncpg_through_pooler
from dbtool.health.view import pool_report
from dbtool.health.waiting import place
from dbtool.report import Cell, Column, Report, Styled, Table, counted, duration

_SILENT = rule_name(asyncpg_through_pooler.__name__)
_POOLS = 6
"""Rows of the table; the others have nobody waiting, or are in the JSON."""


def layers_report(layers: Layers) -> Report:
    """Who waits in the pooler and why, then the server's connections."""
    findings, unknowns = judge(POOLER, layers)
    base = (
        pool_report(layers.server)
        if layers.server
        else Report(command="pool", data=layers, judged=True)
    )
    headlines = (_headline(layers), base.headline)
    told = (each for each in base.findings if not (layers.statements_kept and each.rule == _SILENT))
    ranked = sorted((*findings, *told), key=lambda finding: -finding.severity)
    return replace(
        base,
        data=layers,
        headline="; ".join(filter(None, headlines)),
        sections=(*_sections(layers), *base.sections),
        findings=tuple(ranked),
        unknowns=(*unknowns, *base.unknowns),
        metrics=(*poolers(layers), *base.metrics),
    )


def _headline(layers: Layers) -> str:
    waiting = [queue.pool for queue in layers.queues if queue.pool.clients_waiting]
    named = f"PgBouncer {layers.pooler.version}".strip()
    if not waiting:
        return f"{named}: no client waits"
    clients = counted(sum(pool.clients_waiting for pool in waiting), "client")
    verb = "waits" if clients == "1 client" else "wait"
    return (
        f"{named}: {clients} {verb} for up to {duration(max(p.max_wait_seconds for p in waiting))}"
    )


def _sections(layers: Layers) -> Iterator[Table]:
    if not layers.queues:
        return
    ranked = sorted(layers.queues, key=_rank)
    columns = (
        Column("pool", shrink=True),
        Column("mode", optional=1),
        Column("in use", "right"),
        Column("held idle", "right"),
        Column("clients", "right"),
        Column("waiting", "right"),
        Column("longest", "right"),
    )
    rows = tuple(_row(queue) for queue in ranked[:_POOLS])
    if rest := len(ranked) - _POOLS:
        rows += ((f"+{rest:,} more", *[""] * (len(columns) - 1)),) if rest > 0 else ()
    yield Table(columns, rows)


def _rank(queue: Queue) -> tuple[int, float, int, str]:
    pool = queue.pool
    return -pool.clients_waiting, -pool.max_wait_seconds, -pool.servers_active, pool.database


def _row(queue: Queue) -> tuple[Cell, ...]:
    pool, idle = queue.pool, len(queue.idle)
    known = bool(queue.found) or not queue.held
    return (
        place(queue).name or "",
        pool.mode,
        f"{pool.servers_active:,} of {pool.size:,}" if pool.size else f"{pool.servers_active:,}",
        Styled(f"{idle:,}", "warning") if idle else ("" if known else "unknown"),
        f"{pool.clients_active + pool.clients_waiting:,}",
        Styled(f"{pool.clients_waiting:,}", "warning") if pool.clients_waiting else "",
        duration(pool.max_wait_seconds) if pool.clients_waiting else "",
    )
