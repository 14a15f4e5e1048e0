"""A finding about a statement, with its evidence in words: what is locked, who waits, for what."""

from collections.abc import Iterable, Iterator, Sequence

from dbtool.finding import Finding, Fix, Severity
from dbtool.lint import saying
from dbtool.lint.actions import Action
from dbtool.lint.code import execute
from dbtool.lint.code.statements import single
from dbtool.lint.effect import Effect, Lock, Task, Work
from dbtool.lint.schema import Name
from dbtool.lint.subject import Subject

_FEW = 3
_WORK = {
    Work.SCAN: "every row of {} is read",
    Work.REWRITE: "every row of {} is written anew, with all its indexes",
    Work.BUILD: "an index is built over every row of {}",
}


def listed(subject: Subject, names: Iterable[Name]) -> str:
    """Relations as they are written, in words; of many only the first few."""
    said = [subject.shown(name) for name in dict.fromkeys(names)]
    if len(said) > _FEW + 1:
        said = [*said[:_FEW], f"{len(said) - _FEW} more"]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def locked(subject: Subject, effect: Effect) -> tuple[str, ...]:
    """One line for each strong lock mode: what is locked, and who waits."""
    modes = sorted({held.lock for held in effect.locks if held.lock.blocks_writes}, reverse=True)
    return tuple(
        f"{mode.title} lock on {listed(subject, _with(effect, mode))}: {_waiting(mode)}"
        for mode in modes
    )


def _with(effect: Effect, mode: Lock) -> list[Name]:
    return [held.relation for held in effect.locks if held.lock is mode]


def _waiting(mode: Lock) -> str:
    return "reads and writes wait" if mode.blocks_reads else "writes wait"


def worked(subject: Subject, tasks: Sequence[Task]) -> tuple[str, ...]:
    """One line for each kind of work: on which tables, and what it is."""
    lines = []
    for work, text in _WORK.items():
        names = [task.relation for task in tasks if task.work is work]
        if names:
            lines.append(text.format(listed(subject, names)))
    return tuple(lines)


def found(
    subject: Subject,
    rule: str,
    title: str,
    *evidence: str,
    about: Name,
    severity: Severity = Severity.ERROR,
    fix: Fix | None = None,
) -> Finding:
    """A finding about the statement; what is known of the table it is about says how sure it is."""
    return Finding(
        rule=rule,
        severity=severity,
        title=title,
        certainty=saying.certainty(subject.schema, about),
        evidence=evidence,
        location=subject.location,
        fix=fix,
    )


def own_code(subject: Subject, place: int) -> str:
    """The action at a place as the team wrote it: its call where that does nothing else."""
    statement = subject.statement
    if len(subject.steps) == 1 and subject.course.stands_alone(statement):
        return saying.own_code(statement)
    return execute(single(statement.sql, place))


def afterwards(subject: Subject, place: int, table: Name, column: str) -> Iterator[Action]:
    """The actions behind one: those of its statement, and what later ones do with a column."""
    yield from (step.action for step in subject.steps[place + 1 :])
    yield from subject.course.later(subject.number, table, column)
