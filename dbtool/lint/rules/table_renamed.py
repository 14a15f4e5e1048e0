"""A table or view gets another name, or moves to another schema, under running programs.

Why: the rename itself is quick. But programs that were deployed before it ask for the old name,
and every one of their queries fails from that moment until the last of them is replaced.

When: the relation existed before, and nothing has the old name when the migration is done. A view
of the old name takes reads and writes until it is dropped. All versions.

Bad:
```sql
ALTER TABLE orders RENAME TO purchases;
```

Good:
```sql
ALTER TABLE orders RENAME TO purchases;
CREATE VIEW orders AS SELECT * FROM purchases;
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Rename, SetSchema
from dbtool.lint.code import call, chain, execute, sql_name, string, within
from dbtool.lint.saying import Seen, actions_of, is_there, new_views, place, shown
from dbtool.lint.schema import Name
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
KINDS = ("table", "view", "materialized view", "foreign table")


def check(whole: Whole) -> Iterator[Finding]:
    """Report relations whose old name is gone when the migration is done."""
    made = new_views(whole)
    for seen in actions_of(whole, Rename):
        to = Name(seen.action.name.schema, seen.action.to)
        known = seen.action.kind in KINDS and seen.action.name.name not in made
        if known and _is_hazard(whole, seen.action.name, to):
            yield _finding(whole, seen, to)
    for moved in actions_of(whole, SetSchema):
        to = Name(moved.action.schema, moved.action.name.name)
        if moved.action.kind in KINDS and _is_hazard(whole, moved.action.name, to):
            yield _finding(whole, moved, to)


def _is_hazard(whole: Whole, old: Name, to: Name) -> bool:
    return not (whole.schema.is_new(to) or is_there(whole.schema, old))


def _finding(whole: Whole, seen: Seen[Rename] | Seen[SetSchema], to: Name) -> Finding:
    old, kind = seen.action.name, seen.action.kind
    view = f"CREATE VIEW {sql_name(old)} AS SELECT * FROM {sql_name(to)}"
    kept = chain(
        "\n".join((_rename(seen, kind), execute(view))),
        execute(f"DROP VIEW {sql_name(old)}"),
    )
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{shown(whole.schema, old)}: running programs still use the old name",
        certainty=Certainty.PROVEN if whole.schema.table(to) else Certainty.HEURISTIC,
        evidence=(
            f"it is {shown(whole.schema, to)} from here on, and nothing has the old name",
            "a view of the old name takes reads and writes; it needs the grants of the table",
        ),
        location=place(seen.statement),
        fix=Fix("python", kept, "keep the old name as a view until no program uses it"),
    )


def _rename(seen: Seen[Rename] | Seen[SetSchema], kind: str) -> str:
    name = seen.action.name
    if kind == "table" and isinstance(seen.action, Rename):
        return call("rename_table", string(name.name), string(seen.action.to), *within(name))
    words = f"ALTER {kind.upper()} {sql_name(name)}"
    if isinstance(seen.action, SetSchema):
        return execute(f"{words} SET SCHEMA {sql_name(seen.action.schema)}")
    return execute(f"{words} RENAME TO {sql_name(seen.action.to)}")
