"""An index is rebuilt while writes to its table wait.

Why: REINDEX holds a SHARE lock on the table, so that INSERT, UPDATE and DELETE wait until it is
done, and an ACCESS EXCLUSIVE lock on the index, so that queries that would use it wait as well.
REINDEX CONCURRENTLY builds a second index beside it and swaps the two.

When: the table existed before. CONCURRENTLY cannot run in a transaction. PostgreSQL 12+.

Bad:
```sql
REINDEX INDEX orders_user_id_idx;
```

Good:
```sql
REINDEX INDEX CONCURRENTLY orders_user_id_idx;
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Reindex
from dbtool.lint.code import autocommit, execute, sql_name
from dbtool.lint.effect import Cause
from dbtool.lint.saying import sure
from dbtool.lint.subject import Subject
from dbtool.report import counted

NAME = rule_name(__name__)
ACTIONS = (Reindex,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report REINDEX without CONCURRENTLY."""
    for action, effect in subject.actions(Reindex):
        tables = [*dict.fromkeys(task.relation for task in effect.of(Cause.REINDEX))]
        if not tables:
            continue
        what = counted(len(tables), "table") if len(tables) > 1 else action.name.name
        sql = f"REINDEX {action.kind.upper()} CONCURRENTLY {sql_name(action.name)}"
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{what}: writes wait while indexes are rebuilt",
            certainty=sure(subject.schema.table(tables[0]) is not None),
            evidence=(
                "SHARE lock on the table while all its rows are read,"
                " ACCESS EXCLUSIVE on each index while it is built",
            ),
            location=subject.location,
            fix=Fix("python", autocommit(execute(sql)), "rebuild it beside the old one"),
        )
