"""A domain gets a condition, and every table with a column of it is read while writes wait.

Why: ALTER DOMAIN reads each of those tables from one end to the other, one after the other, and
holds a SHARE lock on all of them until it commits. VALIDATE CONSTRAINT, which is harmless on a
table, does the same on a domain.

When: a table that is in use has a column of the domain; where that column is an array of it, the
server refuses. ADD CONSTRAINT … NOT VALID looks at new
values only; checks of the tables prove the old ones while writes go on. All versions.

Bad:
```sql
ALTER DOMAIN email ADD CONSTRAINT email_at CHECK (VALUE LIKE '%@%');
```

Good:
```sql
ALTER DOMAIN email ADD CONSTRAINT email_at CHECK (VALUE LIKE '%@%') NOT VALID;
ALTER TABLE users ADD CONSTRAINT users_email_at CHECK (email LIKE '%@%') NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT users_email_at;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Unknown, rule_name
from dbtool.lint.actions import AlterDomain
from dbtool.lint.code import chain, execute
from dbtool.lint.code.columns import not_null_chain
from dbtool.lint.code.constraints import domain_chain
from dbtool.lint.code.statements import domain_check, single
from dbtool.lint.effect import Cause, Task
from dbtool.lint.effects.proofs import not_null_proven
from dbtool.lint.evidence import found, listed, locked, worked
from dbtool.lint.saying import undecided
from dbtool.lint.schema import Name
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AlterDomain,)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report conditions of domains that are checked in the tables at once."""
    for place, step in enumerate(subject.steps):
        action, effect = step.action, step.effect
        if not isinstance(action, AlterDomain):
            continue
        for missing in effect.undecided(Cause.DOMAIN_CHECKED):
            yield undecided(NAME, f"domain {action.name}", missing)
        for task in effect.of(Cause.DEPENDENT):
            yield found(
                subject,
                NAME,
                f"domain {action.name}: it cannot be checked: {task.why}",
                f"it ends with SQLSTATE {task.code}, and nothing of it is done",
                about=task.relation,
            )
        tasks = [*effect.of(Cause.DOMAIN_CHECKED)]
        if tasks:
            tables = listed(subject, (task.relation for task in tasks))
            yield found(
                subject,
                NAME,
                f"domain {action.name}: writes to {tables} wait while every row is read",
                *locked(subject, effect),
                *worked(subject, tasks),
                about=tasks[0].relation,
                fix=_fix(subject, action, place, tasks),
            )


def _fix(subject: Subject, action: AlterDomain, place: int, tasks: list[Task]) -> Fix | None:
    uses = [(_written(subject, task.relation), task.why) for task in tasks if task.why]
    if action.change == "set not null":
        open_ = [(table, column) for table, column in uses if _nullable(subject, table, column)]
        if not open_:
            return None
        code = chain(*(not_null_chain(table, column) for table, column in open_))
        return Fix("python", code, "make the columns NOT NULL, and leave the domain as it is")
    name, first = action.subject or "check", ""
    if action.change == "add constraint" and action.constraint is not None:
        name = action.constraint.name or "check"
        first = execute(f"{single(subject.statement.sql, place)} NOT VALID")
    conditions = [_condition(subject, action, place, column) for _, column in uses]
    if None in conditions or not uses:
        return None
    code = domain_chain(first, uses, name, [each for each in conditions if each])
    return Fix("python", code, "prove the old rows table by table, while writes go on")


def _condition(subject: Subject, action: AlterDomain, place: int, column: str) -> str | None:
    if action.change == "add constraint":
        return domain_check(subject.statement.sql, place, column)
    domain = subject.schema.type(action.name)
    for each in domain.checks if domain else ():
        if each.name == action.subject and each.expression is not None:
            return str(each.expression.renamed("value", column))
    return None


def _nullable(subject: Subject, name: Name, column: str) -> bool:
    table = subject.table(name)
    return table is None or not not_null_proven(table, column)


def _written(subject: Subject, name: Name) -> Name:
    return Name("", name.name) if subject.shown(name) == name.name else name
