"""What is found about statements, with how long they block tables of the sizes that are known."""

from collections.abc import Sequence
from dataclasses import replace

from dbtool.finding import Finding, Severity, rule_name
from dbtool.lint.actions import Write, Writes
from dbtool.lint.code.rows import reads_nothing_else
from dbtool.lint.effect import Cause, Task, Work
from dbtool.lint.estimate import Estimate, changing, estimate, graded, in_words
from dbtool.lint.linted import Linted, Outcome, Verdict
from dbtool.lint.rules import RULES
from dbtool.lint.schema import Name
from dbtool.lint.sizes import Sizes, TableSize
from dbtool.report import counted

_LONG = (Work.SCAN, Work.REWRITE, Work.BUILD)
_ACTIONS = {rule_name(each.__name__): each.ACTIONS for each in RULES}
_USUAL = "public"
_UNITS = ("B", "kB", "MB", "GB", "TB")


def sized(linted: Linted, sizes: Sizes) -> Linted:
    """The same verdicts; those on blocking work say for how long, and are as severe as that is.

    Of tiny tables they become notes, of huge ones errors. What a statement breaks or loses, and
    what holds up tables whose size nobody knows, stays as severe as it is.
    """
    return replace(linted, outcomes=tuple(_outcome(each, sizes) for each in linted.outcomes))


def uncounted(linted: Linted, sizes: Sizes) -> tuple[Name, ...]:
    """The tables that are held up by work, and whose size nobody knows."""
    verdicts = (verdict for outcome in linted.outcomes for verdict in outcome.verdicts)
    names = dict.fromkeys(name for verdict in verdicts for name in _tasks(verdict))
    return tuple(each for each in names if not _known(sizes.of(each.schema, each.name)))


def _known(size: TableSize | None) -> bool:
    return size is not None and (size.rows is not None or size.bytes is not None)


def blocked(verdict: Verdict, sizes: Sizes) -> Estimate | None:
    """How long a statement blocks others; None where it does not, or a size is not known."""
    total: Estimate | None = None
    for name, tasks in _tasks(verdict).items():
        size = sizes.of(name.schema, name.name)
        took = _together(tasks, size) if size is not None else None
        if took is None:
            return None
        total = took if total is None else total + took
    return total


def _outcome(outcome: Outcome, sizes: Sizes) -> Outcome:
    return replace(outcome, verdicts=tuple(_verdict(each, sizes) for each in outcome.verdicts))


def _verdict(verdict: Verdict, sizes: Sizes) -> Verdict:
    took = blocked(verdict, sizes)
    if took is None:
        return _rows_changed(verdict, sizes)
    lines = tuple(_line(name, sizes) for name in _tasks(verdict))
    kinds = {type(step.action) for step in verdict.steps if step.effect.blocks}
    said = f"blocks for {in_words(took)} ({'; '.join(lines)}; {sizes.taken})"
    findings = (
        _finding(each, took, said) if kinds.intersection(_ACTIONS.get(each.rule, ())) else each
        for each in verdict.findings
    )
    return replace(verdict, findings=tuple(findings))


def _rows_changed(verdict: Verdict, sizes: Sizes) -> Verdict:
    """The verdict on an UPDATE, with how long it takes where no other table decides that.

    What a condition leaves of the rows is not known, only that it is no more than all of them.
    """
    match [step.action for step in verdict.steps]:
        case [Write(kind=Writes.UPDATE) as action]:
            pass
        case _:
            return verdict
    tasks = verdict.steps[0].effect.tasks
    size = sizes.of(tasks[0].relation.schema, tasks[0].relation.name) if len(tasks) == 1 else None
    took = changing(size) if size is not None and tasks[0].cause is Cause.ROWS_CHANGED else None
    if took is None or not reads_nothing_else(verdict.statement.sql):
        return verdict
    rows = "all rows at most" if action.filtered else "all rows"
    said = f"changes {rows}, in {in_words(took)} ({_line(tasks[0].relation, sizes)}; {sizes.taken})"
    findings = []
    for each in verdict.findings:
        now = _finding(each, took, said) if Write in _ACTIONS.get(each.rule, ()) else each
        most = each.severity if action.filtered else Severity.ERROR
        findings.append(replace(now, severity=min(now.severity, most)))
    return replace(verdict, findings=tuple(findings))


def _finding(finding: Finding, took: Estimate, said: str) -> Finding:
    if finding.severity is Severity.NOTE:
        return finding
    severity = graded(finding.severity, took)
    return replace(finding, severity=severity, evidence=(*finding.evidence, said))


def _tasks(verdict: Verdict) -> dict[Name, list[Task]]:
    """The long work of each table; none where the statement may also fail, which no size helps."""
    found: dict[Name, list[Task]] = {}
    effects = [step.effect for step in verdict.steps]
    if any(effect.fails for effect in effects):
        return {}
    for effect in effects:
        for task in effect.tasks if effect.blocks else ():
            if task.work in _LONG:
                found.setdefault(task.relation, []).append(task)
    return found


def _together(tasks: Sequence[Task], size: TableSize) -> Estimate | None:
    """One statement reads a table once for all its checks, and a rewrite builds every index."""
    works = [task.work for task in tasks]
    if Work.REWRITE in works:
        return estimate(Work.REWRITE, size)
    builds = works.count(Work.BUILD)
    took = estimate(Work.BUILD, size, builds) if builds else None
    scan = estimate(Work.SCAN, size) if Work.SCAN in works else None
    return took + scan if took and scan else took or scan


def _line(name: Name, sizes: Sizes) -> str:
    size = sizes.of(name.schema, name.name)
    rows = counted(size.rows, "row") if size and size.rows is not None else "rows not counted"
    stored = f", {_bytes(size.bytes)}" if size and size.bytes else ""
    return f"{name.name if name.schema == _USUAL else name}: {rows}{stored}"


def _bytes(number: float) -> str:
    for unit in _UNITS[:-1]:
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} {_UNITS[-1]}"
