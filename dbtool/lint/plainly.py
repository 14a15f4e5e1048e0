"""What statements do, in plain words."""

from collections.abc import Iterable, Iterator

from dbtool.lint.effect import Effect, Task, Work
from dbtool.lint.subject import Step

_DOES = {
    Work.SCAN: "reads every row of {}",
    Work.REWRITE: "writes {} anew",
    Work.BUILD: "builds an index on {}",
    Work.WAIT: "waits for older transactions",
}


def in_words(steps: Iterable[Step]) -> tuple[str, ...]:
    """The locks a statement takes, the work it does, and what is not known of it."""
    return tuple(dict.fromkeys(said for step in steps for said in _of_effect(step.effect)))


def _of_effect(effect: Effect) -> Iterator[str]:
    for held in effect.locks:
        yield f"{held.lock.title} lock on {held.relation}"
    for task in effect.tasks:
        yield _of_task(task)
    for missing in effect.missing:
        yield f"not known: {missing.fact}"


def _of_task(task: Task) -> str:
    if task.work is not Work.FAIL:
        return _DOES[task.work].format(task.relation)
    code = f" (SQLSTATE {task.code})" if task.code else ""
    rows = " where there are rows" if task.if_rows else ""
    return f"fails{rows}: {task.why or task.cause.value}{code}"
