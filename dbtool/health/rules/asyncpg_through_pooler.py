"""The endpoint is a pooler, and SQLAlchemy with asyncpg returns wrong rows through some.

What it means: asyncpg names and caches prepared statements, and SQLAlchemy does so once more.
A pooler in transaction mode hands each transaction to another server connection, where that
name may stand for another statement. Errors such as "prepared statement already exists" are
the lucky case: with default arguments 9 to 35 % of executions returned the rows of a different
statement, without any exception (PgBouncer 1.18, and 1.24 with max_prepared_statements = 0).
Session mode, and PgBouncer from 1.21 on with max_prepared_statements above 0, are safe.

Reads: the connection itself: whether start-up options were refused, whose process id answered,
and the name of the host. Any role may.

Thresholds: a warning as soon as there is evidence of a pooler. It is heuristic: the pooler's
mode and the engine's arguments cannot be seen from here.

Now: check the arguments of create_async_engine.

For good: pass statement_cache_size=0, with asyncpg 0.31 or newer; earlier versions still fail.
Do not add prepared_statement_name_func: with autocommit it fails in half of the cases.

Bad:
```python
engine = create_async_engine(url)
```

Good:
```python
engine = create_async_engine(url, connect_args={"statement_cache_size": 0})
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.pool import Pool

NAME = rule_name(__name__)
SAFE_SINCE = (0, 31)
"""The first asyncpg that re-parses unnamed statements, which a cache of size 0 relies on."""


def check(pool: Pool) -> Iterator[Finding]:
    """Warn where anything shows that a pooler answered."""
    driver = pool.endpoint.driver
    if not pool.endpoint.pooler or driver is None:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title="a pooler answered: without statement_cache_size=0 SQLAlchemy on asyncpg"
        " may return wrong rows",
        certainty=Certainty.HEURISTIC,
        evidence=(
            *pool.endpoint.pooler,
            f"asyncpg {driver.asyncpg} and SQLAlchemy {driver.sqlalchemy} are installed here",
            "session mode, or PgBouncer 1.21+ with max_prepared_statements > 0, is safe",
        ),
        location=Location(name=pool.endpoint.database),
        fix=_fix(driver.asyncpg),
    )


def _fix(asyncpg: str) -> Fix:
    label = "Pass this, and no prepared_statement_name_func"
    if tuple(int(part) for part in asyncpg.split(".")[:2]) < SAFE_SINCE:
        label += "; upgrade asyncpg to 0.31 or newer first"
    return Fix(
        "python",
        'engine = create_async_engine(url, connect_args={"statement_cache_size": 0})',
        label=label,
    )
