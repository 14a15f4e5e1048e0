"""The database does not record the heads of the history: revisions are pending.

What it means: the files hold revisions that this database has not seen, or it records others
than the heads. Code that expects the newest tables meets older ones, and comparing models
with this database would report what the pending revisions are about to do.

Reads the version table that env.py configures.

Bad:
```shell
dbtool current --check-heads   # 1: the deploy forgot the migration step
```

Good:
```shell
dbtool upgrade --yes && dbtool current --check-heads
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.migrate.standing import Standing
from dbtool.report import listed

NAME = rule_name(__name__)
_NAMED = 5


def check(standing: Standing) -> Iterator[Finding]:
    """Compare what is recorded with the heads."""
    if not standing.pending:
        return
    recorded = ", ".join(standing.recorded) or "no revision"
    heads = ", ".join(standing.heads)
    one = len(standing.heads) == 1
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"{recorded} is recorded, the {'head is' if one else 'heads are'} {heads}",
        certainty=Certainty.MEASURED,
        evidence=(f"pending: {listed(standing.pending, _NAMED)}",),
        location=Location(name=standing.version_table),
        fix=Fix("shell", "dbtool upgrade" if one else "dbtool upgrade heads"),
    )
