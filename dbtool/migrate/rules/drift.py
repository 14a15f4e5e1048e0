"""Models and database differ in something Alembic can see.

What it means: autogenerate, run now, would write an operation. Either a model was changed and
its revision is missing, or somebody changed the database by hand, or env.py shows Alembic
only a part of the models. The finding names the object, who has it, and the operation that
would bring the database to the models; where the database is right, change the model instead.

Compares what env.py configures: its target_metadata, include_object, include_name,
compare_type, compare_server_default and plugins. What Alembic cannot compare is not seen
here: labels of enumerations, CHECK expressions, predicates of partial indexes and, unless
env.py asks for them, server defaults.

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

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name

if TYPE_CHECKING:
    from dbtool.migrate.drift import Drift

NAME = rule_name(__name__)


def check(drift: "Drift") -> Iterator[Finding]:
    """One finding for each difference."""
    for each in drift.differences:
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=each.text,
            certainty=Certainty.MEASURED,
            location=Location(name=each.name),
            fix=Fix("python", each.operation, "in a revision, if the models are right")
            if each.operation
            else None,
        )
