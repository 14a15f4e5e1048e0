"""An UPDATE or DELETE changes rows of a whole table in one transaction.

Why: every changed row stays locked until the transaction ends, and programs that change one of
them wait. The old versions of all rows are kept meanwhile, so that the table and its indexes grow
up to twice as large; replicas fall behind, and an error near the end throws everything away.

When: the table existed before, and the condition does not pick rows by the primary or a unique
key. How many rows a condition leaves is not known here; where it picks them by a value that the
statement leaves alone or between two, which are mostly few, it is only a note. Rows that are
picked by a query with a LIMIT, or by a stretch of `ctid`, are changed a few at a time: in a DO
block as long as it commits on its way. EXPLAIN ANALYZE runs what it explains, and EXECUTE what
was prepared: they are judged as that. All versions.

Bad:
```sql
UPDATE orders SET status = 'open' WHERE status = '';
```

Good:
```sql
UPDATE orders SET status = 'open' WHERE status = '' AND id BETWEEN 1 AND 1000;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Write, Writes
from dbtool.lint.effect import Cause
from dbtool.lint.expression import Expression, Form
from dbtool.lint.saying import along, backfill, certainty
from dbtool.lint.schema import Table
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Write,)
KINDS = (Writes.UPDATE, Writes.DELETE, Writes.MERGE)


def check(subject: Subject) -> Iterator[Finding]:
    """Report changes of many rows; behind a strong lock another rule does."""
    if subject.session.exclusive:
        return
    for action, effect in subject.actions(Write):
        table = subject.table(action.table)
        changes = action.kind in KINDS and any(effect.of(Cause.ROWS_CHANGED))
        if not changes or (table is not None and _is_unique(table, action)):
            continue
        how = "those that meet the condition" if action.filtered else "all of them"
        code = backfill(subject.schema, action, subject.statement.sql)
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE if _picks(action) else Severity.WARNING,
            title=f"{subject.shown(action.table)}: rows are changed in one transaction, {how}",
            certainty=Certainty.HEURISTIC
            if action.filtered
            else certainty(subject.schema, action.table),
            evidence=(f"each row stays locked until the whole {action.kind.upper()} is committed",),
            location=subject.location,
            fix=Fix("python", code, along(subject.schema, action, "change a few at a time"))
            if code
            else None,
        )


def _is_unique(table: Table, action: Write) -> bool:
    """Whether the condition is about all columns of a unique index."""
    columns = action.where.columns if action.where is not None else frozenset()
    return any(
        index.unique and index.predicate is None and {*index.columns} <= columns
        for index in table.indexes.values()
    )


def _picks(action: Write) -> bool:
    """Whether a column that is not changed has to have one of the values written there."""
    where = action.where
    if where is None:
        return False
    known = [each for each in where.conditions if not each.columns & {*action.columns}]
    return any(map(_is_value, known)) or any(_is_between(each, known) for each in known)


def _is_between(lower: Expression, among: list[Expression]) -> bool:
    """Whether values have to be between two that are written there."""
    return lower.word[:1] == ">" and any(
        each.word[:1] == "<" and each.parts[0] == lower.parts[0]
        for each in among
        if len(each.parts) == len(lower.parts) == 2 and lower.parts[0].form is Form.COLUMN
    )


def _is_value(condition: Expression) -> bool:
    if condition.word not in ("=", "in") or len(condition.parts) < 2:
        return False
    column, *values = condition.parts
    written = all(each.form is Form.CONSTANT for each in values)
    return bool(column.columns) and written and values[0].word not in ("true", "false")
