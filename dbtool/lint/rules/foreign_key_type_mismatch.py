"""A foreign key has another type than the column it refers to.

Why: the server compares the two with a conversion. An integer that refers to a bigint overflows
when the other table has more than 2 147 483 647 rows behind it, in the middle of the night; and
joins convert each value.

When: the history has both types. All versions.

Bad:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, user_id integer REFERENCES users (id));
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id));
```
"""

from collections.abc import Iterable, Iterator, Mapping

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import AddColumn, AddConstraint, CreateTable
from dbtool.lint.schema import Column, Constraint, Holds, Name, Type
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = (CreateTable, AddColumn, AddConstraint)


def check(subject: Subject) -> Iterator[Finding]:
    """Report foreign keys whose types differ."""
    for made, effect in subject.actions(CreateTable):
        columns = {each.name: each for each in made.columns}
        if not effect.fails:
            yield from _judge(subject, made.table, columns, made.constraints)
    for added, _ in subject.actions(AddColumn):
        columns = {added.column.name: added.column}
        yield from _judge(subject, added.table, columns, added.constraints)
    for keyed, _ in subject.actions(AddConstraint):
        table = subject.table(keyed.table)
        if table is not None:
            yield from _judge(subject, keyed.table, table.columns, (keyed.constraint,))


def _judge(
    subject: Subject, name: Name, columns: Mapping[str, Column], keys: Iterable[Constraint]
) -> Iterator[Finding]:
    for key in keys:
        other = subject.table(key.references) if key.references else None
        if key.kind is not Holds.FOREIGN_KEY or other is None:
            continue
        referenced = key.referenced or other.primary_key
        for own, theirs in zip(key.columns, referenced, strict=False):
            mine, yours = _type(columns.get(own)), _type(other.columns.get(theirs))
            if mine is not None and yours is not None and mine != yours:
                yield Finding(
                    rule=NAME,
                    severity=Severity.WARNING,
                    title=f"{subject.shown(name)}.{own} is {mine},"
                    f" {subject.shown(other.name)}.{theirs} is {yours}",
                    certainty=Certainty.PROVEN,
                    evidence=("values are converted to be compared, and may not fit",),
                    location=subject.location,
                )


def _type(column: Column | None) -> Type | None:
    """The type without its modifiers: varchar(10) can refer to varchar(20), and to text."""
    if column is None or column.type is None:
        return None
    name = "text" if column.type.name == "varchar" else column.type.name
    return Type(name, column.type.schema, (), column.type.array)
