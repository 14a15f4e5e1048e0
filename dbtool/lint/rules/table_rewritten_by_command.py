"""A command writes a whole table anew while nobody can use it.

Why: VACUUM FULL, CLUSTER, SET LOGGED, SET UNLOGGED, SET TABLESPACE and SET ACCESS METHOD copy
every row, most of them with all indexes, under an ACCESS EXCLUSIVE lock. Twice the space is
needed meanwhile, and replicas get it all.

When: the table existed before. VACUUM without FULL frees space for new rows and lets programs go
on; pg_repack and pg_squeeze make a table smaller while it is used. All versions.

Bad:
```sql
VACUUM FULL orders;
```

Good:
```sql
VACUUM orders;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, Unknown, rule_name
from dbtool.lint.actions import AlterTable, Maintain
from dbtool.lint.code import autocommit, execute, sql_name
from dbtool.lint.effect import Cause
from dbtool.lint.saying import certainty, undecided
from dbtool.lint.schema import Name
from dbtool.lint.subject import Step, Subject
from dbtool.report import counted

NAME = rule_name(__name__)
ACTIONS = (Maintain, AlterTable)


def check(subject: Subject) -> Iterator[Finding | Unknown]:
    """Report commands that copy a table."""
    for _, missing in subject.undecided(Cause.REWRITE_COMMAND):
        yield undecided(NAME, subject.shown(missing.relation), missing)
    for step in subject.steps:
        tables = [*dict.fromkeys(task.relation for task in step.effect.of(Cause.REWRITE_COMMAND))]
        if not tables:
            continue
        what = counted(len(tables), "table") if len(tables) > 3 else _listed(subject, tables)
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{what}: every row is written anew while nobody can use it",
            certainty=certainty(subject.schema, tables[0]),
            evidence=(f"ACCESS EXCLUSIVE lock while {_command(step)} copies the rows",),
            location=subject.location,
            fix=_fix(step),
        )


def _listed(subject: Subject, tables: list[Name]) -> str:
    return ", ".join(map(subject.shown, tables))


def _command(step: Step) -> str:
    action = step.action
    said = action.command if isinstance(action, Maintain) else getattr(action, "change", "it")
    return str(said).upper()


def _fix(step: Step) -> Fix | None:
    action = step.action
    if not isinstance(action, Maintain) or action.table is None or action.command == "cluster":
        return None
    code = autocommit(execute(f"VACUUM {sql_name(action.table)}"))
    return Fix("python", code, "free the space for new rows, which holds nobody up")
