"""A downgrade leaves the enum type behind that the upgrade creates.

Why: dropping a table does not drop the types of its columns. After the downgrade the type is
still there, and the next upgrade fails with error 42710: it exists already.

When: the way up creates the type, the way down is known and does not drop it. All versions.

Bad:
```python
def upgrade() -> None:
    op.execute("CREATE TYPE parcel_size AS ENUM ('small', 'large')")
    op.execute("CREATE TABLE parcels (id bigint PRIMARY KEY, size parcel_size)")


def downgrade() -> None:
    op.execute("DROP TABLE parcels")
```

Good:
```python
def upgrade() -> None:
    op.execute("CREATE TYPE parcel_size AS ENUM ('small', 'large')")
    op.execute("CREATE TABLE parcels (id bigint PRIMARY KEY, size parcel_size)")


def downgrade() -> None:
    op.execute("DROP TABLE parcels")
    op.execute("DROP TYPE parcel_size")
```
"""

from collections.abc import Iterator

from dbtool.finding import Finding, Fix, Severity, rule_name
from dbtool.lint.actions import CreateType, Drop, Rename
from dbtool.lint.code import execute, sql_name
from dbtool.lint.revision import at, function, tree
from dbtool.lint.saying import actions_of, sure
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)

_MOST = 3


def check(whole: Whole) -> Iterator[Finding]:
    """Report types that are created on the way up and not dropped on the way down."""
    migration = whole.migration
    if not migration.down:
        return
    dropped = {
        seen.action.name.name
        for seen in actions_of(whole, Drop, "down")
        if seen.action.kind in ("type", "domain", "schema")
    }
    # What the way up makes anew in the place of a type it renames was there before.
    for way in ("up", "down"):
        dropped |= {seen.action.name.name for seen in actions_of(whole, Rename, way)}
    module = tree(migration)
    down = function(module, "downgrade") if module is not None else None
    left = [
        seen.action.name
        for seen in actions_of(whole, CreateType)
        if seen.action.kind == "enum"
        and seen.action.name.name not in dropped
        and whole.schema.type(seen.action.name) is not None
    ]
    if not left:
        return
    names = ", ".join(map(str, left[:_MOST])) + (
        f" and {len(left) - _MOST} more" if len(left) > _MOST else ""
    )
    what = f"type {names}: the downgrade leaves it behind"
    if len(left) > 1:
        what = f"types {names}: the downgrade leaves them behind"
    code = "\n".join(execute(f"DROP TYPE {sql_name(name)}") for name in left)
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{what}, the next upgrade fails",
        certainty=sure(not migration.gaps),
        evidence=("SQLSTATE 42710: the type exists already",),
        location=at(migration, down.lineno if down else migration.down[-1].line),
        fix=Fix("python", code, "drop it last" if len(left) == 1 else "drop them last"),
    )
