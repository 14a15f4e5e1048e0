"""A pooler was seen to mix up prepared statements, and the engine's arguments keep them.

What it means: two clients prepared different statements under one name, and one got the row of
the other, or was told that there is no such statement. An application whose driver keeps named
statements gets wrong rows there in the same way, without any exception.

Reads: the endpoint itself. `dbtool pool probe` prepares two statements under a random name in
two connections, runs them in turns and drops them; the engine's arguments are read, not used.

Thresholds: an error at the first wrong row or lost name where the arguments keep statements, or
are behind a creator of one's own and so unknown. A pooler in session mode, and PgBouncer from
1.21 on with max_prepared_statements above 0, were seen to be safe.

Now: pass the arguments given.

For good: asyncpg 0.31 or newer with statement_cache_size=0 and no prepared_statement_name_func,
psycopg with prepare_threshold=None; or max_prepared_statements above 0 in a newer PgBouncer.

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

from dbtool.finding import Certainty, Finding, Location, Severity, Unknown, rule_name
from dbtool.health.mixing import Mixing
from dbtool.health.probing import Probed
from dbtool.health.rules.statements_cached_through_pooler import keeping, safe_arguments
from dbtool.report import counted

if TYPE_CHECKING:
    from dbtool.engine.pooling import Pooling

NAME = rule_name(__name__)


def check(probed: Probed) -> Iterator[Finding | Unknown]:
    """Put together what the pooler does and what the engine's arguments are."""
    if probed.untried and probed.mixing is None:
        return
    if probed.mixing is None:
        yield Unknown(
            rule=NAME,
            reason=f"statements could not be tried: {probed.unmixed}",
            decide="try again when the pooler has two connections to give",
        )
    elif probed.mixing.verdict == "mixed":
        yield from _mixed(probed.engine, probed.mixing)
    elif probed.mixing.verdict == "undecided":
        yield Unknown(
            rule=NAME,
            reason="two clients could not have a connection at once, so neither was seen to move",
            decide="try again when the pooler has two connections to give",
        )


def _mixed(engine: "Pooling", mixing: Mixing) -> Iterator[Finding | Unknown]:
    why = keeping(engine)
    if why is None:
        yield Unknown(
            rule=NAME,
            reason=f"the pooler mixes up named statements, and whether {engine.spec} keeps any"
            " is behind a creator or driver of its own",
            decide="see that it passes statement_cache_size=0 (asyncpg)"
            " or prepare_threshold=None (psycopg)",
        )
    elif why:
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{engine.address} mixes up prepared statements, and {engine.spec} keeps them",
            certainty=Certainty.MEASURED,
            evidence=(*_seen(mixing), *why),
            location=Location(name=engine.spec),
            fix=safe_arguments(engine),
        )


def _seen(mixing: Mixing) -> Iterator[str]:
    """What the two clients met."""
    of_all = f"of {counted(mixing.transactions, 'transaction')}"
    if mixing.wrong:
        yield f"{mixing.wrong:,} {of_all} returned another client's row, without an error"
    if mixing.failed:
        yield f"{mixing.failed:,} {of_all} failed: the statement's name was taken or unknown"
