"""The engine pings each connection before it hands it out, which takes three round trips.

What it means: with pool_pre_ping SQLAlchemy asks the server whether the connection lives. On
asyncpg that is BEGIN, prepare and execute, and ROLLBACK: 3 to 4 round trips for each checkout,
0.1 ms on one machine and 0.24 to 0.33 s at 80 ms of distance. It is a fair price where
connections die often, as behind a firewall that forgets them or with a server that sleeps.

Reads: the engine's pool_pre_ping and driver.

Thresholds: a note where it is on and the driver is asyncpg.

Now: nothing is broken; decide whether connections die often enough.

For good: pool_recycle below the time after which something on the way drops idle connections,
and one retry of what failed, cost nothing as long as all is well.

Bad:
```python
engine = create_async_engine(url, pool_pre_ping=True)
```

Good:
```python
engine = create_async_engine(url, pool_recycle=300)
```
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name

if TYPE_CHECKING:
    from dbtool.engine.pooling import Pooling

NAME = rule_name(__name__)


class Configured(Protocol):
    """Something that was read of, or tried with, the application's engine."""

    @property
    def engine(self) -> "Pooling | None":
        """The engine's own arguments."""


def check(subject: Configured) -> Iterator[Finding]:
    """Look at the engine's own setting."""
    engine = subject.engine
    if engine and engine.pre_ping and engine.driver == "asyncpg":
        yield Finding(
            rule=NAME,
            severity=Severity.NOTE,
            title=f"{engine.spec} has pool_pre_ping, 3 to 4 round trips for each checkout",
            certainty=Certainty.DECLARED,
            location=Location(name=engine.spec),
            fix=Fix(
                "python",
                "engine = create_async_engine(url, pool_recycle=300)",
                label="where connections seldom die, drop those that are old instead",
            ),
        )
