"""What the pending revisions would do, beside the plan of an upgrade and above its question."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbtool.cli import judging
from dbtool.cli.command import Call
from dbtool.errors import DbtoolError, UsageError
from dbtool.finding import Finding, Unknown
from dbtool.report import Code, Column, Report, Section, Table, exit_code, listed

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.guard import Permission
    from dbtool.lint.glance import Glance
    from dbtool.lint.linted import Linted
    from dbtool.lint.sizes import Sizes
    from dbtool.migrate.project import Project
    from dbtool.migrate.record import Step
    from dbtool.migrate.upgrade import Plan
    from dbtool.ports import Progress

_MOST_LINES = 10


@dataclass(frozen=True, slots=True)
class Planned:
    """What an upgrade would run, and what lint says of it; None where it could not be read."""

    database: str
    named_by: str
    before: tuple[str, ...]
    revisions: "tuple[Step, ...]"
    lint: "Linted | None" = None


@dataclass(frozen=True, slots=True)
class Pending:
    """What the pending revisions would do; `why` says why nothing is known of it."""

    linted: "Linted | None" = None
    why: str = ""
    notes: tuple[str, ...] = ()
    glances: "dict[str, Glance]" = field(default_factory=dict)

    @property
    def unknowns(self) -> tuple[Unknown, ...]:
        """What could not be decided; all of it where nothing could be read."""
        if self.linted is not None:
            return self.linted.unknowns
        decide = "dbtool lint says more; dbtool upgrade --sql --from-scratch shows what would run"
        return (Unknown(rule="not-read", reason=self.why, decide=decide),)


def judged(
    call: Call,
    revisions: Sequence[str],
    server: int | None = None,
    project: "Project | None" = None,
) -> Pending:
    """Judge the pending revisions for the tables of a database, as large as they are there.

    Whatever goes wrong with that, an upgrade may still run.
    """
    names = tuple(dict.fromkeys(revisions))
    if not names:
        return Pending()
    try:
        from dbtool.lint.glance import glance

        found = judging.revisions(call, names, None, project.only if project else None)
        sizes = _sizes(project.target) if project else None
        judge = judging.Judge(judging.rules(call, None, None), server, sizes=sizes)
        linted = judge(found)
        glances = {each.name: glance(each) for each in linted.outcomes}
    except DbtoolError as error:
        return Pending(why=f"what they would do could not be read: {error.message}")
    except (Exception, SystemExit) as error:
        kind = type(error).__name__
        return Pending(why=f"what they would do could not be read: {kind}")
    return Pending(linted, notes=found.notes, glances=glances)


def _sizes(target: "Target | None") -> "Sizes | None":
    """How large the tables are; without that, what is found is no less true."""
    from dbtool.lint.sizes import read

    try:
        return read(target) if target is not None else None
    except Exception:
        return None


@dataclass(frozen=True, slots=True)
class Way:
    """Where an upgrade is to lead."""

    project: "Project"
    revision: str
    tag: str | None


def refuse(call: Call, show_sql: bool, instead: str, *, plan: bool) -> None:
    """Where nothing is judged, nobody shall believe it was."""
    if show_sql and not plan:
        raise UsageError("--show-sql is for --plan", hint="--sql prints a script to run.")
    if instead and call.options.fail_on is not None:
        raise UsageError(
            f"--fail-on cannot be combined with {instead}",
            hint="Run dbtool lint --fail-on before it.",
        )


def plan(call: Call, way: Way, progress: "Progress", *, show_sql: bool = False) -> Report:
    """What would run, and what each revision would do."""
    from dbtool.lint.view import how, verdict, worst_first
    from dbtool.migrate import upgrade as family
    from dbtool.migrate import view

    found = family.plan(way.project, way.revision, progress=progress, tag=way.tag)
    told = view.plan(found, call.command)
    pending = judged(call, _names(found.revisions), found.server, way.project)
    linted = pending.linted
    data = Planned(found.database, found.named_by, found.before, found.revisions, lint=linted)
    if not found.revisions:
        return replace(told, data=data)
    said = f"; lint: {verdict(linted.findings, linted.unknowns)}" if linted else ""
    sections = told.sections if linted is None else (_table(found, pending), *told.sections[1:])
    return replace(
        told,
        data=data,
        headline=f"{told.headline}{said}",
        sections=(*sections, *(statements(_names(found.revisions), pending) if show_sql else ())),
        findings=worst_first(linted.findings) if linted else (),
        unknowns=pending.unknowns,
        notes=(*told.notes, *(how(linted) if linted else ()), *pending.notes),
        judged=True,
    )


def has_limit(call: Call) -> bool:
    """Whether somebody said which findings are to stop an upgrade."""
    return call.options.fail_on is not None or bool(call.settings.set_by["fail_on"])


def stopping(call: Call, told: Report) -> Report | None:
    """The same plan with the reason why nothing of it runs; None where it may run."""
    if exit_code(told, call.fail_on) == 0:
        return None
    flag = call.options.fail_on
    why = f"--fail-on {flag}" if flag else f"fail_on = {call.fail_on} in the settings"
    return replace(told, headline=f"{told.headline}; stopped before the first change by {why}")


def informed(call: Call, way: Way, permission: "Permission") -> "Permission":
    """The permission, with what the revisions would do above its question."""
    from dbtool.migrate.upgrade import Informed

    def about(steps: "tuple[Step, ...]", server: int) -> Iterator[str]:
        yield from lines(judged(call, _names(steps), server, way.project))

    return Informed(permission.consent, permission.ask, permission.environment, about)


def _names(steps: "Sequence[Step]") -> tuple[str, ...]:
    return tuple(step.revision for step in steps)


def lines(pending: Pending) -> Iterator[str]:
    """What was found, above the question whether to run it."""
    if pending.linted is not None:
        yield from told(pending.linted.findings, pending.unknowns)
    elif pending.why:
        yield pending.why


def told(found: tuple[Finding, ...], unknowns: tuple[Unknown, ...]) -> Iterator[str]:
    """The worst of what was found, and how much there is."""
    from dbtool.lint.view import verdict, worst_first

    findings = worst_first(found)
    for each in findings[:_MOST_LINES]:
        yield f"  {each.severity.word}: {each.title} ({each.location})"
    said = f"lint: {verdict(findings, unknowns)}"
    known = not findings and not unknowns
    yield said if known else f"{said}; dbtool upgrade --plan says more"


def _table(plan: "Plan", pending: Pending) -> Table:
    columns = (
        Column("revision"),
        Column("message", shrink=True, least=12),
        Column("statements", align="right"),
        Column("commit", optional=1),
        Column("drops", shrink=True, least=12),
    )
    rows = tuple(
        (step.revision, step.message, *cells(pending.glances.get(step.revision)))
        for step in plan.revisions
    )
    if not any(row[-1] for row in rows):
        return Table(columns[:-1], tuple(row[:-1] for row in rows))
    return Table(columns, rows)


def cells(glance: "Glance | None") -> tuple[str, str, str]:
    """How many statements a revision has, what commits together, and what is gone afterwards."""
    if glance is None:
        return "", "", ""
    many = str(glance.statements) if glance.read else f"{glance.statements} or more"
    return many, glance.commits, listed(glance.drops)


def statements(revisions: Sequence[str], pending: Pending) -> Iterator[Section]:
    """The SQL of each revision."""
    of = {each.name: each for each in pending.linted.outcomes} if pending.linted else {}
    for name in revisions:
        outcome = of.get(name)
        sql = [f"{each.statement.sql.rstrip()};" for each in outcome.verdicts] if outcome else []
        yield Code("sql", "\n".join(sql) or "-- nothing", title=name)
