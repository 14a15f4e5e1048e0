"""Models and database differ in something Alembic can see.

What it means: autogenerate, run now, would write an operation. Either a model was changed and
its revision is missing, or somebody changed the database by hand, or env.py shows Alembic
only a part of the models. The finding names the object, who has it, and the operation that
would bring the database to the models; where the database is right, change the model instead.

Compares what env.py configures: its target_metadata, include_object, include_name,
include_schemas and plugins. The models are built in a throwaway server, so both sides are
compared as a server prints them: types with their limits, labels of enumerations and their
order, defaults, identities, generated columns, every constraint and index to the letter,
sequences, domains, comments. What is spelled differently and means the same is no difference.
What could not be built or compared is counted as unknown, with what would decide it. Where
env.py goes from schema to schema, a finding names those it is in. With `--history` the other side
is what the revisions make, and a finding says so: in the models, not in the history.

What the models do not name and the tables do not need (a sequence, an enumeration or a domain
only the database has) is a warning.

Where ending a difference would drop a table or column, the finding says so, and names the
rename that would keep the data where one looks likely.

Bad:
```python
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]  # no revision adds this column
```

Good:
```python
def upgrade() -> None:
    op.add_column("users", sa.Column("email", sa.Text(), nullable=True))
```
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, Unknown, rule_name
from dbtool.migrate.difference import Difference, Rename, renames
from dbtool.report import listed

if TYPE_CHECKING:
    from dbtool.migrate.drift import Drift

NAME = rule_name(__name__)


def check(drift: "Drift") -> Iterator[Finding | Unknown]:
    """One finding for each difference, and one unknown for each thing nobody compared."""
    likely = {each.old: each for each in renames(drift.differences)}
    for each in drift.differences:
        rename = likely.get(each.name) if each.drops else None
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING if each.minor else Severity.ERROR,
            title=_title(each),
            certainty=Certainty.MEASURED if drift.same_version else Certainty.HEURISTIC,
            evidence=_losses(each, rename),
            location=Location(name=each.name),
            fix=_fix(each, rename),
        )
    for left in drift.uncompared:
        yield Unknown(rule=NAME, reason=f"not compared: {left.what}", decide=left.decide)


def _title(difference: Difference) -> str:
    """What differs, and in which schemas where several were compared."""
    if not difference.schemas:
        return difference.text
    return f"{listed(difference.schemas)}: {difference.text}"


def _losses(difference: Difference, rename: Rename | None) -> tuple[str, ...]:
    if not difference.drops:
        return ()
    loss = f"revision --autogenerate would write a DROP: the data of {difference.name} would go"
    if rename is None:
        return (loss,)
    return loss, f"renamed to {rename.new}? Then the operation below keeps its data"


def _fix(difference: Difference, rename: Rename | None) -> Fix | None:
    if rename is not None:
        return Fix("python", rename.operation, "in a revision, if it was renamed")
    if not difference.operation:
        return None
    label = "if nobody needs its data" if difference.drops else "if the models are right"
    return Fix("python", difference.operation, f"in a revision, {label}")
