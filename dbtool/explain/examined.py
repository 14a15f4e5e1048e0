"""What explain found out: the statements of one text, each with its plan."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbtool.explain.plan import Plan
from dbtool.explain.runs import Runs
from dbtool.explain.selftime import Times, measure
from dbtool.finding import Finding, Unknown
from dbtool.guard import Standing

if TYPE_CHECKING:
    from dbtool.explain.advice.result import Advice
    from dbtool.explain.whatif import WhatIf


@dataclass(frozen=True, slots=True)
class Examined:
    """One statement and its plan; `times` only where it was run.

    `values` are those it was given, where dbtool chose them; `generic` is the plan for any values.
    `runs` are the times of all its executions, `remains` what a rollback of it left behind.
    `refused` says why it was not run although that was asked for, `stopped` after how many seconds
    it was cancelled.

    Reports carry the findings beside the data, each with its line, so JSON leaves them out here.
    """

    sql: str
    line: int
    plan: Plan
    times: Times | None = None
    findings: tuple[Finding, ...] = field(default=(), metadata={"json": False})
    unknowns: tuple[Unknown, ...] = field(default=(), metadata={"json": False})
    refused: str = ""
    values: str = ""
    generic: Plan | None = None
    runs: Runs | None = None
    remains: tuple[str, ...] = ()
    stopped: float = 0.0


@dataclass(frozen=True, slots=True)
class Explained:
    """The statements of one text; `database` and `standing` are empty without a server.

    `advice` and `what_if` are there where they were asked for.
    """

    statements: tuple[Examined, ...]
    database: str = ""
    version: int = 0
    standing: Standing | None = None
    notes: tuple[str, ...] = ()
    advice: "Advice | None" = None
    what_if: "WhatIf | None" = None


def planned(examined: Examined, plan: Plan) -> Examined:
    """The same statement with another plan of it."""
    times = measure(plan) if plan.analysed else None
    return Examined(examined.sql, examined.line, plan, times, values=examined.values)
