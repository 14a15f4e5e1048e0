"""Index advice as the sections of a report."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dbtool.explain.advice.result import Advice, Gain, Proof, Proposal
from dbtool.explain.advice.workload import Workload
from dbtool.explain.wording import count, duration, memory
from dbtool.finding import Finding
from dbtool.report import (
    Code,
    Column,
    Report,
    Section,
    Table,
    Text,
    counted,
    facts,
    listed,
    percent,
)

MOST_REJECTED = 8
_KB = 1024
_DROPPED = (
    "partitioned, no CONCURRENTLY: DROP INDEX takes ACCESS EXCLUSIVE on the table and every"
    " partition: with a lock_timeout, drop it"
)
_PROPOSED = ("in the model: ", "in the revision, ")


def sections(advice: Advice) -> Iterator[Section]:
    """The indexes to create with what they bring and cost, then why others are not used."""
    if not advice.proposals:
        yield Text(_nothing(advice), title="index advice")
    for number, proposal in enumerate(advice.proposals, 1):
        title = f"index {number}: {proposal.shown}"
        yield Code("sql", "\n".join(proposal.sql), title=title)
        yield facts(tuple(_facts(proposal, advice)))
        if len(proposal.gains) > 1:
            yield _gains(proposal)
    if advice.unused:
        rows = tuple((f"{each.index} on {each.table}", each.reason) for each in advice.unused)
        columns = (Column("index"), Column("not used because", shrink=True))
        yield Table(columns, rows, title="indexes that exist")
    if advice.rejected and not advice.proposals:
        told = tuple((each.shown, each.reason) for each in advice.rejected[:MOST_REJECTED])
        yield Table((Column("index", shrink=True), Column("not proposed because")), told, "tried")


def notes(advice: Advice) -> tuple[str, ...]:
    """What stands behind the advice, and what no index can do."""
    proof = [f"not validated: {advice.validate}"] if advice.validate and advice.proposals else []
    return (*proof, *advice.notes)


def without_indexes(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings without the index each would propose by itself: a planner has been asked."""
    return tuple(
        replace(
            each,
            fix=None,
            evidence=(
                *(line for line in each.evidence if not line.startswith(_PROPOSED)),
                "the index advice below says which index would help",
            ),
        )
        if each.fix is not None and each.fix.code.startswith("CREATE INDEX")
        else each
        for each in findings
    )


def next_steps(advice: Advice) -> tuple[str, ...]:
    """The command that makes the indexes part of the history."""
    names = listed([each.name for each in advice.proposals], 2)
    return (f'dbtool revision --autogenerate -m "add {names}"',) if names else ()


def headline(advice: Advice) -> str:
    """The advice in a few words."""
    if not advice.proposals:
        return "no index would pay"
    saved = sum(each.before - each.after for each in advice.proposals[:1])
    first = advice.proposals[0]
    if not first.gains:
        return f"{first.name} may help"
    return f"{first.name} saves {percent(saved / first.before)} of the cost"


def _gains(proposal: Proposal) -> Table:
    """What each of several statements gains by an index."""
    columns = (
        Column("serves", shrink=True),
        Column("calls", "right"),
        Column("cost", "right"),
        Column("with it", "right"),
    )
    rows = tuple(
        (each.statement, count(each.weight), count(each.before), count(each.after))
        for each in proposal.gains
    )
    return Table(columns, rows)


def _nothing(advice: Advice) -> str:
    if advice.rejected:
        return f"no index would pay, {advice.planner}"
    return f"no index to propose: {advice.nothing or 'none is known to help'}"


def _facts(proposal: Proposal, advice: Advice) -> Iterator[tuple[str, str]]:
    if proposal.gains:
        yield "cost", _cost(proposal)
    if measured := [each for each in proposal.gains if each.after_ms is not None]:
        yield "time", "; ".join(map(_time, measured))
    yield "validated", _proof(proposal, advice)
    if len(proposal.gains) == 1 and proposal.gains[0].caused:
        yield "serves", proposal.gains[0].statement
    rows = f"{count(proposal.size.rows)} rows"
    yield "size", f"about {memory(proposal.size.bytes / _KB)} for {rows}"
    yield "writes", _writes(proposal)
    if proposal.replaces:
        drops, beside = ", ".join(proposal.replaces), "INDEX CONCURRENTLY" in proposal.sql[0]
        how = "drop it CONCURRENTLY" if beside else _DROPPED
        yield "replaces", f"{drops}: {how} once the new one is there"
    yield "model", proposal.model


def _cost(proposal: Proposal) -> str:
    saved = percent(1 - proposal.after / proposal.before) if proposal.before else "nothing"
    return f"{count(proposal.before)} → {count(proposal.after)}, {saved} less"


def _time(gain: Gain) -> str:
    return f"{duration(gain.before_ms or 0.0)} → {duration(gain.after_ms or 0.0)}"


def _proof(proposal: Proposal, advice: Advice) -> str:
    match proposal.proof:
        case Proof.MEASURED:
            return "built, measured and rolled back on this server"
        case Proof.PLANNED:
            return advice.planner
    return "no: nobody's planner was asked" if not advice.planner else "no: see the notes"


def _writes(proposal: Proposal) -> str:
    writes = proposal.writes
    more = percent(writes.overhead) if writes.overhead >= 0.01 else "less than 1 %"
    said = [f"writing a row writes {more} more"]
    if writes.endangers_hot:
        columns = listed(writes.columns)
        said.append(
            f"{percent(writes.hot)} of {count(writes.updated)} updates touch no index today; those"
            f" that change {columns} then will"
        )
    elif not (writes.inserted or writes.updated or writes.deleted):
        said.append("no write is counted since the statistics were reset")
    return "; ".join(said)


def report(workload: Workload, command: str = "explain") -> Report:
    """The advice for a workload: the statements that cost most first."""
    advice = workload.advice
    if not workload.statements:
        said = "no statement to advise on: pg_stat_statements remembers none that reads a table"
        return Report(command=command, data=workload, headline=said, notes=workload.left_out)
    rows = tuple(
        (percent(each.share), duration(each.ms), count(each.calls), each.name)
        for each in workload.statements
    )
    columns = (
        Column("%", "right"),
        Column("time", "right"),
        Column("calls", "right"),
        Column("statement", shrink=True),
    )
    asked = counted(len(workload.statements), "statement")
    return Report(
        command=command,
        data=workload,
        headline=f"{asked} looked at; {headline(advice)}",
        sections=(Table(columns, rows, title="what costs most"), *sections(advice)),
        notes=(*workload.left_out, *notes(advice)),
    )
