"""Fewer rows are there than the plan has for a table.

What it means: rows were deleted, never loaded, or swallowed by a trigger. Tables that have
none of them are an error: the application meets them empty. The plan is that of the options
given: verify with the scenario, --rows and --scale of the run.

Bad:
```shell
psql -c "DELETE FROM comments"
dbtool seed verify                # 1: comments: 0 of 3,142 rows
```

Good:
```shell
dbtool seed run --top-up && dbtool seed verify
```
"""

from collections.abc import Iterator, Sequence

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import listed
from dbtool.seed.verify import Counted

NAME = rule_name(__name__)


def findings(missing: Sequence[Counted]) -> Iterator[Finding]:
    """The tables without any of their rows, and those without some."""
    empty = [each for each in missing if not each.rows]
    short = [each for each in missing if each.rows]
    if empty:
        yield _finding(Severity.ERROR, "none of the rows planned are there", empty)
    if short:
        yield _finding(Severity.WARNING, "fewer rows are there than planned", short)


def _finding(severity: Severity, what: str, tables: Sequence[Counted]) -> Finding:
    return Finding(
        rule=NAME,
        severity=severity,
        title=f"{what}: {listed([each.name for each in tables])}",
        certainty=Certainty.MEASURED,
        evidence=tuple(f"{each.name}: {each.rows:,} of {each.planned:,} rows" for each in tables),
    )
