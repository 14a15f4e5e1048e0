"""The engine's own arguments cache prepared statements, and its URL leads to a pooler.

What it means: a pooler in transaction mode hands each transaction to another server connection,
where the name of a cached statement may stand for another one. With asyncpg's defaults 9 to 35 %
of executions returned the rows of a different statement, without any exception (PgBouncer 1.18,
and 1.24 with max_prepared_statements = 0). The same with psycopg, which fails more rarely.

Reads: the engine's URL and connect_args, and the installed version of its driver. Nothing is
connected to for that. Arguments behind a creator of one's own cannot be read: unknown.

Thresholds: a warning where the name of host or port is a pooler's and the arguments are not the
safe ones. It is heuristic: in session mode, and with PgBouncer 1.21+ and max_prepared_statements
above 0, they do no harm. With --pgbouncer that is looked up: an error, or nothing.

Now: pass the arguments given.

For good: asyncpg 0.31 or newer with statement_cache_size=0 and no prepared_statement_name_func,
which with autocommit fails in half of the cases; psycopg with prepare_threshold=None.

Bad:
```python
engine = create_async_engine("postgresql+asyncpg://app@pooler:6432/shop")
```

Good:
```python
engine = create_async_engine(
    "postgresql+asyncpg://app@pooler:6432/shop", connect_args={"statement_cache_size": 0}
)
```
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, Unknown, rule_name
from dbtool.health.budget import Budget
from dbtool.health.rules.asyncpg_through_pooler import SAFE_SINCE

if TYPE_CHECKING:
    from dbtool.engine.pooling import Pooling

NAME = rule_name(__name__)
_NEVER_PREPARES = frozenset({"psycopg2", "psycopg2cffi"})
_SAFE = {
    "asyncpg": ("create_async_engine", '{"statement_cache_size": 0}'),
    "psycopg_async": ("create_async_engine", '{"prepare_threshold": None}'),
    "psycopg": ("create_engine", '{"prepare_threshold": None}'),
}


def check(budget: Budget) -> Iterator[Finding | Unknown]:
    """Compare the arguments with the ones that were measured to be safe."""
    engine = budget.engine
    if engine is None or not engine.pooler or engine.driver not in _SAFE:
        return
    kept = _kept(budget, engine)
    if kept:
        return
    if engine.statements is None:
        yield Unknown(
            rule=NAME,
            reason=f"{engine.spec} connects through a creator of its own",
            decide="see that it passes statement_cache_size=0 (asyncpg)"
            " or prepare_threshold=None (psycopg)",
        )
    elif wrong := tuple(_wrong(engine)):
        yield _finding(engine, wrong, seen=kept is not None)


def _kept(budget: Budget, engine: "Pooling") -> bool | None:
    """Whether the pooler says that it keeps statements; None where another one was asked."""
    if budget.pooler is None or budget.pooler.address != engine.address:
        return None
    return budget.pooler.keeps_statements(engine.database)


def keeping(engine: "Pooling") -> tuple[str, ...] | None:
    """Why the engine's statements have names that last; None where that cannot be known."""
    if engine.driver in _NEVER_PREPARES:
        return ()
    if engine.driver not in _SAFE or engine.statements is None:
        return None
    return tuple(_wrong(engine))


def _wrong(engine: "Pooling") -> Iterator[str]:
    arguments = engine.statements
    assert arguments is not None
    if engine.driver != "asyncpg":
        if arguments.threshold is not None:
            yield f"prepare_threshold is {arguments.threshold}: statements are prepared"
        return
    if arguments.cache_size:
        yield f"statement_cache_size is {arguments.cache_size}"
    if arguments.names_given:
        yield "prepared_statement_name_func is given, which fails with autocommit"
    if _too_old(engine.driver_version):
        yield f"asyncpg {engine.driver_version} fails even with statement_cache_size=0"


def _too_old(installed: str) -> bool:
    """Whether this asyncpg fails through a pooler with whatever arguments."""
    return tuple(int(part) for part in installed.split(".")[:2]) < SAFE_SINCE


def safe_arguments(engine: "Pooling") -> Fix:
    """The arguments that were measured to be safe with this driver."""
    function, arguments = _SAFE[engine.driver]
    label = "Pass this"
    if engine.driver == "asyncpg":
        label += ", and no prepared_statement_name_func"
        if _too_old(engine.driver_version):
            label += "; upgrade asyncpg to 0.31 or newer first"
    return Fix("python", f"engine = {function}(url, connect_args={arguments})", label=label)


def _finding(engine: "Pooling", wrong: tuple[str, ...], *, seen: bool) -> Finding:
    return Finding(
        rule=NAME,
        severity=Severity.ERROR if seen else Severity.WARNING,
        title=f"{engine.spec} caches statements through a pooler and may return wrong rows",
        certainty=Certainty.DECLARED if seen else Certainty.HEURISTIC,
        evidence=(
            engine.pooler or "",
            *wrong,
            "it pools transactions, and has no max_prepared_statements above 0"
            if seen
            else "session mode, or PgBouncer 1.21+ with max_prepared_statements > 0, is safe",
        ),
        location=Location(name=engine.spec),
        fix=safe_arguments(engine),
    )
