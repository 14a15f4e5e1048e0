"""All pools together may open more connections than the server has slots for.

What it means: each process has a pool of its own, and pool_size + max_overflow is what one of
them may open. While a deployment runs old and new processes side by side it happens at once:
logins fail with "sorry, too many clients already", mostly under load, when nobody can try again.

Reads: the engine's pool or the flags, and the server's max_connections less both reserves.

Thresholds: an error where the sum exceeds the usable slots or nothing limits it, a warning from
80 % of them on. Other applications of the same server are not in the sum: give what they open
to --reserve.

Now: pass the arguments given, which fit, in every process.

For good: keep the pool small and let requests wait for a moment: throughput stops growing at
about four connections per core. Where processes are many, put a pooler in between.

Bad:
```python
engine = create_async_engine(url, pool_size=20, max_overflow=20)  # in 16 processes: 640
```

Good:
```python
engine = create_async_engine(url, pool_size=2, max_overflow=1, pool_timeout=5)
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, Unknown, rule_name
from dbtool.health.budget import COMFORT, UNNAMED, Budget
from dbtool.report import percent

NAME = rule_name(__name__)


def check(budget: Budget) -> Iterator[Finding | Unknown]:
    """Compare the sum with the slots an ordinary role can get."""
    usable = budget.pool.slots.usable
    if budget.apart or budget.beside_pooler:
        yield from _certain(budget)
    elif budget.through_pooler and not budget.poolers:
        yield Unknown(
            rule=NAME,
            reason="the application connects to a pooler, and what that opens is not known:"
            f" {budget.through_pooler}",
            decide="--pgbouncer URL, or --poolers N, the sum of its pool sizes",
        )
    elif budget.needed is None:
        title = "nothing limits the connections of a process"
        yield _finding(budget, Severity.ERROR, title, _unlimited(budget))
    elif budget.needed > usable:
        title = f"{budget.needed:,} connections may be opened, {usable:,} slots are usable"
        yield _finding(budget, Severity.ERROR, title, "")
    elif budget.needed > COMFORT * usable:
        share = percent(budget.needed / usable)
        title = f"{budget.needed:,} connections may be opened, {share} of {usable:,} usable slots"
        yield _finding(budget, Severity.WARNING, title, "")


def _certain(budget: Budget) -> Iterator[Finding | Unknown]:
    """Judge what opens connections for sure; what does not matter is no unknown."""
    usable, sure = budget.pool.slots.usable, budget.poolers + budget.wanted.reserve
    told = budget.pooler is not None or budget.wanted.poolers is not None
    if sure > COMFORT * usable:
        severity = Severity.ERROR if sure > usable else Severity.WARNING
        title = f"poolers and reserve take {sure:,} connections of {usable:,} usable slots"
        yield _finding(budget, severity, title, "")
    fits = told and budget.needed is not None and budget.needed <= COMFORT * usable
    if sure <= usable and not fits:
        yield _undecided(budget, told=told)


def _undecided(budget: Budget, *, told: bool) -> Unknown:
    if budget.engine is None:
        reason = (
            "whether the processes connect to the server itself or to a pooler is not known:"
            " no engine is named"
        )
        return Unknown(rule=NAME, reason=reason, decide=UNNAMED)
    also = "" if told else "; if a pooler answers there, --pgbouncer URL or --poolers N as well"
    return Unknown(
        rule=NAME,
        reason=f"the engine connects to {budget.engine.address}, the slots are those of"
        f" {budget.apart}: that no pooler stands between is not known",
        decide=f"--url of {budget.engine.address}{also}",
    )


def _unlimited(budget: Budget) -> str:
    if budget.engine and budget.engine.size is None:
        return f"{budget.engine.pool} opens as many as are asked for"
    return "max_overflow=-1 opens as many as are asked for"


def _finding(budget: Budget, severity: Severity, title: str, evidence: str) -> Finding:
    return Finding(
        rule=NAME,
        severity=severity,
        title=title,
        certainty=Certainty.DECLARED,
        evidence=(evidence,) if evidence else (),
        fix=_fix(budget),
    )


def _fix(budget: Budget) -> Fix | None:
    fits = 0 if budget.through_pooler else budget.per_process
    if fits < 1:
        return None
    size = (fits + 1) // 2
    return Fix(
        "python",
        f"engine = create_async_engine(url, pool_size={size}, max_overflow={fits - size},"
        " pool_timeout=5)",
        label=f"fits into {percent(COMFORT)} of the slots with {budget.wanted.processes:,}"
        " processes, during a deployment too",
    )
