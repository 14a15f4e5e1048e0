"""A value of an enum type gets another name under running programs.

Why: every row has the new name at once. Programs that were deployed before it read a value their
Enum does not have, which SQLAlchemy refuses with LookupError, and write one that the server
refuses with error 22P02.

When: the type existed before. The name of the Python member can change alone. All versions.

Bad:
```sql
ALTER TYPE order_state RENAME VALUE 'sent' TO 'shipped';
```

Good:
```sql
ALTER TYPE order_state ADD VALUE 'shipped';
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Rename
from dbtool.lint.code import autocommit, chain, execute, in_batches, sql_name, sql_string
from dbtool.lint.saying import sure
from dbtool.lint.schema import Name
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (Rename,)


def check(subject: Subject) -> Iterator[Finding]:
    """Report values whose old name is gone."""
    for action, _ in subject.actions(Rename):
        type_ = subject.schema.type(action.name)
        if action.kind != "enum value" or (type_ is not None and type_.new):
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"type {action.name}: running programs still read and write '{action.part}'",
            certainty=sure(type_ is not None),
            evidence=(f"it is '{action.to}' in every row from here on",),
            location=subject.location,
            fix=Fix("python", _code(subject, action), "add the new name beside the old one"),
        )


def _code(subject: Subject, action: Rename) -> str:
    """The new value first; programs that know it write it; then the rows follow."""
    new, old = sql_string(action.to), sql_string(action.part)
    added = autocommit(execute(f"ALTER TYPE {sql_name(action.name)} ADD VALUE {new}"))
    changes = []
    for table, column in subject.schema.using(action.name):
        plain = subject.shown(table.name) == table.name.name
        written = Name("", table.name.name) if plain else table.name
        of = sql_name(column.name)
        sql = f"UPDATE {sql_name(written)} SET {of} = {new} WHERE {of} = {old}"
        key = table.primary_key[0] if len(table.primary_key) == 1 else ""
        changes.append((key and in_batches(sql, written, key)) or execute(sql))
    return chain(added, *("\n".join(changes),) if changes else ())
