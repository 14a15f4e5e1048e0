"""A statement reads or rewrites a table while others wait, and its text does not show it.

Why: a DO block or a function runs whatever it likes, under locks that last until the transaction
ends. Statements that are written out in a block are judged as if they stood alone, those in a
branch, a loop or under a handler without proof. Of what EXECUTE puts together, of other languages
and of functions only running them tells: `--measure` does, in a throwaway server. Unmeasured it is
unknown.

When: the statement was run, and a table was read whole, written anew or indexed under a lock that
keeps others from writing to it. All versions.

Bad:
```sql
DO $$
BEGIN
    EXECUTE format('ALTER TABLE %I ALTER COLUMN id TYPE bigint', 'orders');
END
$$;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN big_id bigint;
```
"""

from collections.abc import Iterator
from typing import get_args

from dbtool.finding import Certainty, Finding, Severity, Unknown, rule_name
from dbtool.lint.actions import Action
from dbtool.lint.effect import Cause, Lock, Task, Work
from dbtool.lint.evidence import locked
from dbtool.lint.subject import Step, Subject

NAME = rule_name(__name__)
ACTIONS = get_args(Action)

_WORDS = {
    Work.SCAN: "is read from one end to the other",
    Work.BUILD: "has an index built",
    Work.REWRITE: "is written anew with all its indexes",
}


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report work that nobody expected, and code that only running it explains."""
    for step, task in subject.tasks(Cause.UNEXPECTED):
        if task.work in _WORDS:
            yield _finding(subject, step, task)
    for _, missing in subject.undecided(Cause.OPAQUE):
        yield Unknown(rule=NAME, reason=missing.fact, decide=missing.decide)


def _finding(subject: Subject, step: Step, task: Task) -> Finding:
    held, by = subject.held.get(task.relation, (Lock.NONE, subject.statement))
    lock = max(step.effect.lock_on(task.relation), held)
    others = "nobody can use it" if lock.blocks_reads else "nobody can write to it"
    since = f"{lock.title} lock held since line {by.line}" if held else ""
    return Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"{subject.shown(task.relation)} {_WORDS[task.work]} while {others}",
        certainty=Certainty.MEASURED,
        evidence=(
            *(locked(subject, step.effect) or (since,)),
            "seen when it was run; its text does not show it",
        ),
        location=subject.location,
    )
