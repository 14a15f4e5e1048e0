"""A revision changes the schema and has no way back.

Why: a downgrade runs the empty function, succeeds, and records that the revision is undone though
all of it is still there. The next upgrade fails on what exists already. If there is no way back,
say so: raise an error.

When: `downgrade` is missing or empty, and the way up creates or changes something that can be
undone; changes of rows and new enum values are left alone. All versions.

Bad:
```python
def upgrade() -> None:
    op.add_column("orders", sa.Column("remark", sa.Text()))


def downgrade() -> None:
    pass
```

Good:
```python
def upgrade() -> None:
    op.add_column("orders", sa.Column("remark", sa.Text()))


def downgrade() -> None:
    op.drop_column("orders", "remark")
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint import actions as act
from dbtool.lint.code import undo
from dbtool.lint.revision import at, function, is_empty, tree
from dbtool.lint.saying import ways
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
UNDONE = (
    act.CreateTable,
    act.CreateTableAs,
    act.AddColumn,
    act.AlterColumnType,
    act.SetDefault,
    act.SetNotNull,
    act.DropNotNull,
    act.AddConstraint,
    act.DropConstraint,
    act.CreateIndex,
    act.DropIndex,
    act.Rename,
    act.CreateType,
    act.CreateView,
    act.CreateTrigger,
    act.CreateSequence,
    act.Policy,
)


def check(whole: Whole) -> Iterator[Finding]:
    """Report revisions whose downgrade does nothing."""
    module = tree(whole.migration)
    if module is None or function(module, "upgrade") is None:
        return
    down = function(module, "downgrade")
    steps = (step for judged in ways(whole, "up") for step in judged.steps)
    done = [step.action for step in steps if not step.effect.idle]
    changed = [each for each in done if isinstance(each, UNDONE)]
    if changed and (down is None or is_empty(down.body)):
        what = "is missing" if down is None else "is empty"
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"downgrade {what}: going back records it as undone and leaves everything",
            certainty=Certainty.PROVEN,
            evidence=("the next upgrade then fails on what exists already",),
            location=at(whole.migration, down.lineno if down is not None else 1),
            fix=Fix("python", undo(changed), "undo it, or refuse to"),
        )
