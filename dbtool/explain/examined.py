"""What explain found out: the statements of one text, each with its plan."""

from dataclasses import dataclass

from dbtool.explain.plan import Plan
from dbtool.explain.selftime import Times
from dbtool.finding import Finding, Unknown
from dbtool.guard import Standing


@dataclass(frozen=True, slots=True)
class Examined:
    """One statement and its plan; `times` only where it was run.

    The findings are printed beside the data, so they are not repeated in it.
    """

    sql: str
    line: int
    plan: Plan
    times: Times | None = None
    findings: tuple[Finding, ...] = ()
    unknowns: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """The statements of one text; `target` and `standing` are empty without a server."""

    statements: tuple[Examined, ...]
    target: str = ""
    version: int = 0
    standing: Standing | None = None
    notes: tuple[str, ...] = ()
