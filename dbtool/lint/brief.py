"""What a few statements mean for everybody else, in words that need no manual."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dbtool.lint.effect import Effect, Lock, Work
from dbtool.lint.estimate import Estimate, in_words
from dbtool.lint.linted import Verdict
from dbtool.lint.sized import blocked
from dbtool.lint.sizes import Sizes

_DOES = {
    Work.SCAN: "reads every row",
    Work.REWRITE: "writes the table anew",
    Work.BUILD: "builds an index",
}


@dataclass(frozen=True, slots=True)
class Brief:
    """The strongest lock, who waits for it and how long, and the work that takes time."""

    lock: str
    others: str
    work: str


def brief(verdicts: Sequence[Verdict], sizes: Sizes | None = None) -> Brief:
    """Some statements in brief, together."""
    effects = [step.effect for each in verdicts for step in each.steps]
    lock = max((each.lock for each in effects), default=Lock.NONE)
    blocking = [each for each in effects if each.blocks]
    if blocking:
        strongest = max(each.lock for each in blocking)
        others = f"{_who(strongest)} wait until done"
    elif lock.blocks_writes:
        others = f"{_who(lock)} wait a moment"
    else:
        others = "nobody waits"
    work = ", ".join(dict.fromkeys(said for each in effects for said in _work(each)))
    took = _took(verdicts, sizes)
    others += f", {took}" if took else ""
    return Brief(lock.title if lock else "none", others, work or "none")


def _who(lock: Lock) -> str:
    return "all" if lock.blocks_reads else "writes"


def _work(effect: Effect) -> Iterator[str]:
    for task in effect.tasks:
        if task.work in _DOES:
            yield _DOES[task.work]
        elif task.work is Work.FAIL:
            yield "fails where there are rows" if task.if_rows else "fails"


def _took(verdicts: Iterable[Verdict], sizes: Sizes | None) -> str:
    """How long they wait on tables as large as these, where that is known."""
    if sizes is None:
        return ""
    total: Estimate | None = None
    for each in verdicts:
        found = blocked(each, sizes)
        if found is not None:
            total = found if total is None else total + found
    return in_words(total) if total is not None else ""
