"""A column gets another name under running programs.

Why: the rename itself is quick. But SQLAlchemy names every column it reads and writes: from that
moment each query of the programs that are running fails, until the last of them is replaced.

When: the table existed before, and no column has the old name when the migration is done. The
attribute of the model can have the new name alone. To rename the column itself, add the new one,
write both, copy, and drop the old one when nothing uses it. A revision that imports sqlmodel is
taken for one of SQLModel classes. All versions.

Bad:
```sql
ALTER TABLE orders RENAME COLUMN note TO remark;
```

Good:
```sql
ALTER TABLE orders ADD COLUMN remark text;
```
"""

import re
from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import AddColumn, Rename
from dbtool.lint.code import string
from dbtool.lint.saying import actions_of, place, shown
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
_SQLMODEL = re.compile(r"^\s*(?:import|from)\s+sqlmodel\b", re.MULTILINE)


def check(whole: Whole) -> Iterator[Finding]:
    """Report columns whose old name is gone when the migration is done."""
    added = {
        (seen.action.table.name, seen.action.column.name) for seen in actions_of(whole, AddColumn)
    }
    for seen in actions_of(whole, Rename):
        action = seen.action
        new = (action.name.name, action.part) in added
        if action.kind != "column" or new or not _is_hazard(whole, action):
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"{shown(whole.schema, action.name)}.{action.part}:"
            " running programs still use the old name",
            certainty=Certainty.PROVEN if whole.schema.table(action.name) else Certainty.HEURISTIC,
            evidence=(f"it is {action.to} from here on; every query that names it fails",),
            location=place(seen.statement),
            fix=Fix(
                "python",
                _attribute(whole, action),
                "leave the column as it is and rename the attribute of the model",
            ),
        )


def _is_hazard(whole: Whole, action: Rename) -> bool:
    table = whole.schema.table(action.name)
    return table is None or not (table.new or action.part in table.columns)


def _attribute(whole: Whole, action: Rename) -> str:
    """The attribute of the model under its new name, for the column under its old one."""
    name, column = action.to if action.to.isidentifier() else action.part, string(action.part)
    if _SQLMODEL.search(whole.migration.text):
        return f'{name}: ... = Field(sa_column_kwargs={{"name": {column}}})'
    return f"{name} = mapped_column({column})"
