"""A constraint has no name.

Why: the server makes one up. Autogenerate cannot know it, writes `drop_constraint(None, ...)`, and
the way back fails. Another database of the same project may have another name.

When: a unique, foreign key, check or exclusion constraint has no name. A naming_convention in the
models' MetaData names all of them. Style, asked for only where it is selected. All versions.

Bad:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, code text UNIQUE);
```

Good:
```sql
CREATE TABLE letters (id bigint PRIMARY KEY, code text CONSTRAINT letters_code_key UNIQUE);
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.defined import CONSTRAINING, constraints
from dbtool.lint.replay.naming import constraint_name
from dbtool.lint.schema import Holds
from dbtool.lint.subject import Subject

NAME = rule_name(__name__)
ACTIONS = CONSTRAINING
_SPARED = (Holds.PRIMARY_KEY, Holds.NOT_NULL)


def check(subject: Subject) -> Iterator[Finding]:
    """Note constraints that the server has to name."""
    for table, constraint in constraints(subject):
        if constraint.name or constraint.index or constraint.kind in _SPARED:
            continue
        made = constraint_name(table.name, constraint, ())
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"{subject.shown(table)}: {constraint.kind.value} constraint"
            f" on ({', '.join(constraint.columns)}) has no name",
            certainty=Certainty.PROVEN,
            evidence=(f"the server will call it {made}, or add a number where that is taken",),
            location=subject.location,
        )
