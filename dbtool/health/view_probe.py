"""Shows what an application's connections cost, step by step, and what a pooler does to them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbtool.finding import Rule, judge
from dbtool.health.probing import Probed, critical
from dbtool.health.rules import pre_ping_costs_round_trips, statements_mixed_by_pooler
from dbtool.report import Column, Metric, Report, Section, Table, counted, duration, facts

if TYPE_CHECKING:
    from dbtool.engine.timing import Saturation

PROBE: tuple[Rule[Probed], ...] = (statements_mixed_by_pooler, pre_ping_costs_round_trips)
"""What `pool probe` judges."""

Step = tuple[str, float, str]


def probe_report(probed: Probed) -> Report:
    """The steps of a connection with their times, and what was found on the way."""
    findings, unknowns = judge(PROBE, probed)
    steps = tuple(_steps(probed))
    return Report(
        command="pool probe",
        data=probed,
        headline=_headline(probed),
        sections=tuple(_sections(probed, steps)),
        findings=(*critical(probed.pool), *findings),
        unknowns=unknowns,
        judged=True,
        metrics=tuple(_metrics(steps)),
    )


def _headline(probed: Probed) -> str:
    timings = probed.timings
    if timings is None:
        return probed.untried
    ping = timings.checkout_pinged if probed.engine.pre_ping else timings.checkout
    return (
        f"a new connection takes {_milliseconds(timings.login)}, a pooled one"
        f" {_milliseconds(ping)}, a statement {_milliseconds(timings.repeat)}"
    )


def _milliseconds(seconds: float) -> str:
    if seconds >= 10:
        return duration(seconds)
    thousand = seconds * 1000
    return f"{thousand:,.0f} ms" if thousand >= 10 else f"{thousand:.2f} ms"


def _sections(probed: Probed, steps: tuple[Step, ...]) -> Iterator[Section]:
    columns = Column("step"), Column("time", "right"), Column("", shrink=True)
    if steps:
        yield Table(columns, tuple((name, _milliseconds(took), why) for name, took, why in steps))
    yield facts(_facts(probed))


def _steps(probed: Probed) -> Iterator[Step]:
    """Name, seconds, and what is in it."""
    stages, timings, before = probed.stages, probed.timings, 0.0
    if stages is not None:
        if stages.dns is not None:
            yield "name resolved", stages.dns, ""
        yield "connected", stages.connect, "one round trip" if stages.dns is not None else "socket"
        if stages.tls is not None:
            yield "TLS", stages.tls, "" if stages.encrypted else "asked for, not offered"
        before = (stages.dns or 0) + stages.connect + (stages.tls or 0)
    if timings is None:
        return
    ping = "pool_pre_ping is on" if probed.engine.pre_ping else "pool_pre_ping is off"
    yield "logged in", max(timings.login - before, 0.0), "the rest of the driver's connecting"
    yield "first checkout", timings.first_checkout, "all of that, and what SQLAlchemy asks once"
    yield "first query", timings.first_query, ""
    keeps = "of a connection that the pool has"
    if probed.engine.pool == "NullPool":
        keeps = "a new connection each time: NullPool keeps none"
    yield "checkout", timings.checkout, keeps
    yield "checkout with ping", timings.checkout_pinged, ping
    yield "statement", timings.begin_and_execute, "the first of a transaction, with its BEGIN"
    yield "statement again", timings.repeat, "in the same transaction"


def _facts(probed: Probed) -> Iterator[tuple[str, str]]:
    engine = probed.engine
    version = f"{engine.driver} {engine.driver_version}".strip()
    yield "engine", f"{engine.spec}: {engine.pool}, {version}, at {probed.endpoint}"
    if probed.connections:
        free = counted(probed.pool.slots.free, "free slot")
        yield "opened", f"{counted(probed.connections, 'connection')} of {free}"
    if told := _pooler(probed):
        yield "statements", told
    if probed.timings and probed.timings.saturation:
        yield "filled", _filled(probed.timings.saturation, probed.timings.pool_timeout)


def _pooler(probed: Probed) -> str:
    mixing = probed.mixing
    if mixing is None:
        return ""
    match mixing.verdict:
        case "mixed":
            avoided = "; the engine's arguments avoid it" if probed.timings else ""
            number = counted(mixing.transactions, "transaction")
            return (
                f"mixed up by a pooler: of {number} {mixing.wrong:,} got another client's row,"
                f" {mixing.failed:,} failed{avoided}"
            )
        case "kept":
            return (
                "kept: clients were handed to other processes in"
                f" {mixing.moved:,} of {counted(mixing.transactions, 'transaction')}, and each"
                " got its own rows"
            )
    mode = ", as in a pooler's session mode" if mixing.pooler else ""
    return f"each client kept its process in {counted(mixing.transactions, 'transaction')}{mode}"


def _filled(saturation: "Saturation", timeout: float | None) -> str:
    line = f"{counted(saturation.connections, 'connection')} in {duration(saturation.fill_seconds)}"
    if saturation.code is None:
        return f"{line}, and one more was let in"
    told = f"; pool_timeout is {timeout:g} s" if timeout is not None else ""
    refused = duration(saturation.refused_seconds)
    return f"{line}; the next was refused after {refused} with {saturation.code}{told}"


def _metrics(steps: tuple[Step, ...]) -> Iterator[Metric]:
    for name, took, _ in steps:
        labels = (("step", name.replace(" ", "_")),)
        yield Metric("connection_step_seconds", took, "Time of a step of connecting.", labels)
