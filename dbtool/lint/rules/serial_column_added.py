"""A serial or identity column is added to a table with rows, so the table is written anew.

Why: every row gets a number of its own. The table and its indexes are rewritten under an ACCESS
EXCLUSIVE lock.

When: ADD COLUMN has `serial`, `bigserial` or `GENERATED … AS IDENTITY`. All versions.

Bad:
```sql
ALTER TABLE tags ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;
```

Good:
```sql
ALTER TABLE tags ADD COLUMN id bigint;
CREATE SEQUENCE tags_id_seq OWNED BY tags.id;
ALTER TABLE tags ALTER COLUMN id SET DEFAULT nextval('tags_id_seq');
```
"""

from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import Finding, Fix, rule_name
from dbtool.lint.actions import AddColumn
from dbtool.lint.adding import added, addition
from dbtool.lint.code import chain, execute, sql_name
from dbtool.lint.code.adding import Addition, bare, default_from_now_on, filled
from dbtool.lint.code.columns import not_null_steps
from dbtool.lint.effect import Cause
from dbtool.lint.evidence import found, locked, worked
from dbtool.lint.schema import Name
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (AddColumn,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report columns that number the rows that exist."""
    for each in added(subject, Cause.ADD_SERIAL):
        if each.tasks:
            kind = "an identity" if each.action.column.identity else "a serial"
            yield found(
                subject,
                NAME,
                f"{each.column}: {kind} column rewrites the table while nobody can use it",
                *locked(subject, each.effect),
                *worked(subject, each.tasks),
                about=each.action.table,
                fix=Fix(
                    "python",
                    _numbered(addition(subject, each)),
                    "number new rows by a sequence, and the ones that exist in batches",
                ),
            )


def _numbered(new: Addition) -> str:
    sequence = sql_name(Name(new.table.schema, f"{new.table.name}_{new.column}_seq"))
    owner = f"{sql_name(new.table)}.{sql_name(new.column)}"
    new = replace(new, value=f"nextval('{sequence}')")
    return chain(
        "\n".join(
            (
                bare(new),
                execute(f"CREATE SEQUENCE {sequence} OWNED BY {owner}"),
                default_from_now_on(new),
            )
        ),
        filled(new),
        *not_null_steps(new.table, new.column),
    )
