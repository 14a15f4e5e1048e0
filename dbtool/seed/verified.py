"""Turns what verification found into a report."""

from collections.abc import Iterator

from dbtool.finding import Unknown
from dbtool.report import Cell, Column, Report, Styled, Table, counted, listed
from dbtool.seed.constraints import OUT_OF_TIME, Wrong
from dbtool.seed.rules import planned_rows_missing, seed_not_verified, seed_off_plan
from dbtool.seed.verify import Verified

_ASKED = {
    "rows": "how many rows it has",
    "shares": "how its rows are shared out",
    "class": "whether it loads",
}
_WAIT = "run it again when nobody locks it, as a role whose statements may take longer"
_MEND = "mend what the server says, then run it again"


def verified(done: Verified, command: str) -> Report:
    """What was looked at, and what is wrong."""
    rows = sum(table.rows for table in done.tables)
    looked = (
        f"{counted(rows, 'row')} in {counted(len(done.tables), 'table')},"
        f" {counted(done.constraints, 'constraint')} checked,"
        f" {counted(done.objects, 'object')} of"
        f" {done.classes} {'class' if done.classes == 1 else 'classes'} loaded"
    )
    findings = (
        *map(seed_not_verified.finding, done.wrong),
        *planned_rows_missing.findings(done),
        *map(seed_off_plan.finding, done.off_plan),
    )
    other = len(findings) - len(done.wrong)
    parts = ((len(done.wrong), "wrong"), (other, "not as planned"))
    verdict = ", ".join(f"{count} {what}" for count, what in parts if count) or "all is well"
    unknowns = (*map(_unknown, done.unread), *_uncompared(done))
    if unknowns and not findings:
        verdict = "nothing wrong in what could be checked"
    return Report(
        command=command,
        data=done,
        headline=f"{verdict}: {looked}",
        sections=(_counts(done),),
        findings=findings,
        unknowns=unknowns,
        notes=tuple(_notes(done)),
        judged=True,
    )


def _unknown(unread: Wrong) -> Unknown:
    """What there was no answer about, and how to get one."""
    rule = seed_off_plan.NAME if unread.kind == "shares" else seed_not_verified.NAME
    what = _ASKED.get(unread.kind, "whether its rows satisfy it")
    return Unknown(
        rule=rule,
        reason=f"{unread.name}: {what} could not be asked: {unread.said}",
        decide=_WAIT if unread.sqlstate in OUT_OF_TIME else _MEND,
    )


def _uncompared(done: Verified) -> Iterator[Unknown]:
    """The tables whose rows are those of another plan, or of more than one."""
    if more := done.uncompared:
        told = listed([f"{each.name} ({each.rows:,}, planned {each.planned:,})" for each in more])
        yield Unknown(
            rule=seed_off_plan.NAME,
            reason=f"more rows are there than planned and were not compared with the plan: {told}",
            decide="verify with the scenario and the --rows, --scale and --tables of the run;"
            " rows of several runs are in no plan",
        )


def _counts(done: Verified) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for each in done.tables:
        planned: Cell = Styled("none", "muted") if each.planned is None else f"{each.planned:,}"
        rows.append((each.name, f"{each.rows:,}", planned))
    columns = (Column("table", shrink=True), Column("rows", "right"), Column("planned", "right"))
    return Table(columns, tuple(rows))


def _notes(done: Verified) -> Iterator[str]:
    if done.missing or done.off_plan:
        yield (
            "planned is what dbtool seed run makes with the options given here; what was made with"
            " others is verified with those"
        )
    if hidden := [each.name for each in done.tables if each.filtered]:
        yield (
            f"row security may hide rows of {listed(hidden)} from this role: they are not held"
            " against the plan"
        )
    for skipped in done.skipped:
        yield f"{skipped.name} is not filled by dbtool seed: {skipped.reason}"
