"""Fewer rows are there than the plan has for a table.

What it means: rows were deleted, never loaded, or swallowed by a trigger. Tables that have
none of them are an error: the application meets them empty. Less than a tenth missing is a
note: what is used changes. The plan is that of the options given: verify with the scenario,
--rows, --scale and --tables of the run. Where no table has about as many rows as planned, it
was another run's, and empty tables are a warning. Tables that hooks of factories.py name are
left alone.

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
from dbtool.seed.verify import Counted, Verified

NAME = rule_name(__name__)
_MOST = 0.9
"""The part of the planned rows that is about as many."""
_LEAST = 30
"""The rows below which a table may be full after any run."""


def findings(done: Verified) -> Iterator[Finding]:
    """The tables without any of their rows, those without many, and those without a few."""
    empty = [each for each in done.missing if not each.rows]
    few = [each for each in done.missing if each.rows and not _is_full(each)]
    most = [each for each in done.missing if each.rows and _is_full(each)]
    if empty:
        severity = Severity.WARNING if _is_of_another(done.tables) else Severity.ERROR
        yield _finding(severity, "none of the rows planned are there", empty)
    if few:
        yield _finding(Severity.WARNING, "fewer rows are there than planned", few)
    if most:
        yield _finding(Severity.NOTE, "some of the rows planned are not there", most)


def _is_full(table: Counted) -> bool:
    return table.rows >= _MOST * (table.planned or 0)


def _is_of_another(tables: Sequence[Counted]) -> bool:
    """Whether the rows are those of a run with other options: no table is as full as planned."""
    large = [each for each in tables if (each.planned or 0) >= _LEAST]
    return any(each.rows for each in large) and not any(map(_is_full, large))


def _finding(severity: Severity, what: str, tables: Sequence[Counted]) -> Finding:
    return Finding(
        rule=NAME,
        severity=severity,
        title=f"{what}: {listed([each.name for each in tables])}",
        certainty=Certainty.MEASURED,
        evidence=tuple(f"{each.name}: {each.rows:,} of {each.planned:,} rows" for each in tables),
    )
