"""Proposals for scripts of SQL, said in SQL."""

from dbtool.finding import Finding, Fix
from dbtool.lint.fixing.mechanical import steps
from dbtool.lint.fixing.place import NotMechanical
from dbtool.lint.fixing.sql import as_sql
from dbtool.lint.linted import Linted, Outcome
from dbtool.lint.values import replace

_ONLY_PYTHON = ("op.get_bind()", "new_column_name=")
"""What asks the database, and what swaps columns in one transaction."""
_OUTSIDE = "-- outside of any transaction"


def in_own_language(linted: Linted) -> Linted:
    """What was said, with the code for a script as SQL wherever SQL can say it."""
    outcomes = (each if each.file.endswith(".py") else _in_sql(each) for each in linted.outcomes)
    return replace(linted, outcomes=tuple(outcomes))


def _in_sql(outcome: Outcome) -> Outcome:
    verdicts = (
        replace(each, findings=tuple(map(_said, each.findings))) if each.findings else each
        for each in outcome.verdicts
    )
    findings = tuple(map(_said, outcome.findings))
    return replace(outcome, verdicts=tuple(verdicts), findings=findings)


def _said(finding: Finding) -> Finding:
    fix = finding.fix
    if fix is None or fix.language != "python" or any(each in fix.code for each in _ONLY_PYTHON):
        return finding
    try:
        lines = [line for step in steps(fix.code) for line in _lines(step)]
    except (NotMechanical, SyntaxError):
        return finding
    if "autocommit_block" in fix.code or "VALIDATE CONSTRAINT" in fix.code:
        lines.insert(0, _OUTSIDE)
    return replace(finding, fix=Fix("sql", "\n".join(lines), fix.label))


def _lines(step: str) -> list[str]:
    """What people have to do is a comment above the statements."""
    if not step:
        return []
    told = [f"--{line[1:]}" for line in step.splitlines() if line.startswith("#")]
    return [*told, *(f"{sql};" for sql in as_sql(step))]
