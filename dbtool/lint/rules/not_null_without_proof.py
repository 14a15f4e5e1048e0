"""SET NOT NULL reads the whole table while nobody can use it.

Why: the server looks at every row under an ACCESS EXCLUSIVE lock, unless a validated CHECK
constraint says already that the column has no null. Validating one lets reads and writes go on.

When: no validated check proves it. A constraint that is NOT VALID proves nothing. PostgreSQL 12+;
from 18 on NOT NULL is a constraint that can be added NOT VALID itself.

Bad:
```sql
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
```

Good:
```sql
ALTER TABLE orders ADD CONSTRAINT orders_note_not_null CHECK (note IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_note_not_null;
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
ALTER TABLE orders DROP CONSTRAINT orders_note_not_null;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Unknown, rule_name
from dbtool.lint.actions import AddConstraint, AlterConstraint, SetNotNull
from dbtool.lint.code import not_null_chain
from dbtool.lint.constraining import name_of, not_valid_fix
from dbtool.lint.effect import Cause, Effect
from dbtool.lint.effects.proofs import proves_not_null
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.saying import undecided
from dbtool.lint.schema import Constraint, Holds
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (SetNotNull, AddConstraint, AlterConstraint)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report SET NOT NULL that nothing has proven before."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        if isinstance(action, AlterConstraint):
            yield from _inherited(subject, action, effect)
        if not isinstance(action, SetNotNull | AddConstraint):
            continue
        column = _column(action)
        what = f"{action.table}.{column}"
        for missing in effect.undecided(Cause.SET_NOT_NULL, Cause.NOT_NULL):
            yield undecided(NAME, what, missing)
        tasks = [*effect.of(Cause.SET_NOT_NULL, Cause.NOT_NULL)]
        if not tasks:
            continue
        promised = _promised(subject, action, column)
        yield found(
            subject,
            NAME,
            f"{what}: every row is checked for null while nobody can use the table",
            *locked(subject, effect),
            *worked(subject, tasks),
            *([f"check {promised.name} is NOT VALID, which proves nothing"] if promised else []),
            about=action.table,
            fix=_fix(subject, action, place, promised),
        )


def _inherited(
    subject: Subject, action: AlterConstraint, effect: Effect
) -> Iterator[Finding | Unknown]:
    """ALTER CONSTRAINT … INHERIT: the children get it too."""
    for missing in effect.undecided(Cause.NOT_NULL):
        yield undecided(NAME, f"{action.table}.{action.constraint}", missing)
    tasks = [*effect.of(Cause.NOT_NULL)]
    if tasks:
        title = "its children are checked for null while nobody can use them"
        yield found(
            subject,
            NAME,
            f"{action.table}.{action.constraint}: all rows of {title}",
            *locked(subject, effect),
            *worked(subject, tasks),
            about=action.table,
        )


def _column(action: SetNotNull | AddConstraint) -> str:
    return action.column if isinstance(action, SetNotNull) else ", ".join(action.constraint.columns)


def _promised(
    subject: Subject, action: SetNotNull | AddConstraint, column: str
) -> Constraint | None:
    """A check that says so of new rows, and only has to be validated."""
    table = subject.table(action.table)
    for each in table.having(Holds.CHECK) if table else ():
        if each.enforced and each.expression and proves_not_null(each.expression, column):
            return each
    return None


def _fix(
    subject: Subject,
    action: SetNotNull | AddConstraint,
    place: int,
    promised: Constraint | None,
) -> Fix:
    if isinstance(action, AddConstraint):
        return not_valid_fix(subject, action, place, name_of(subject, action))
    proof = promised.name if promised else ""
    code = not_null_chain(action.table, action.column, proof)
    return Fix("python", code, "validate the check first" if proof else "prove it first")
