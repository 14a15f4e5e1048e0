"""Which proposals can stand in for a statement as they are, and why others cannot."""

from textwrap import dedent

from dbtool.finding import Finding
from dbtool.lint.code import KEPT, NEXT, autocommit

MECHANICAL = frozenset(
    (
        "index-not-concurrent",
        "index-dropped-under-lock",
        "reindex-not-concurrent",
        "concurrently-in-transaction",
        "partition-attached-without-check",
        "materialized-view-refreshed",
        "foreign-key-validated-at-once",
        "check-validated-at-once",
        "not-null-without-proof",
        "validated-under-held-lock",
        "unique-built-under-lock",
        "primary-key-built-under-lock",
        "primary-key-over-nullable-column",
        "check-in-new-column",
        "foreign-key-in-new-column",
        "unique-in-new-column",
        "volatile-default",
    )
)
"""Rules whose proposal ends in the schema that the statement would have left."""

_REASONS = {
    "required-column-without-default": "only the team knows the value of the rows that exist",
    "serial-column-added": "the column would be numbered by a sequence, and be no identity",
    "json-column": "the column would get another type",
    "constrained-domain-in-new-column": "the column would get another type",
    "stored-generated-column": "the column would be kept by a trigger, and not be generated",
    "invalid-index-hidden": "whether the index that is there is whole, only the database knows",
    "partition-detached-under-lock": "detached concurrently it keeps a check of its bounds",
    "several-tables-locked": "it takes a revision for each table",
    "lock-held-during-work": "it takes several revisions",
    "downgrade-missing": "whether there is to be a way back is for the team to say",
}
OPEN = "it takes a decision"
_DEPLOYS = frozenset(
    (
        "column-dropped",
        "column-renamed",
        "column-type-rewrite",
        "column-type-without-cast",
        "default-dropped-while-required",
        "enum-value-renamed",
        "not-null-dropped",
        "table-dropped",
        "table-renamed",
        "type-renamed",
        "view-dropped",
    )
)
"""Rules whose proposal has programs deployed between its steps."""

_LABELS = {
    "let readers go on; it needs a unique index": "the view has no unique index that is known",
    "build it on each partition while writes go on": "the indexes of the partitions get own names",
    "make a unique index of those of the partitions": "it would be an index, and no constraint",
    "prove it partition by partition, while writes go on": "each partition gets a key of its own",
}
_BLOCK = f"{autocommit('')}".rstrip(" ")


def refusal(finding: Finding) -> str | None:
    """Why a finding's proposal is not written; None where it can be."""
    if finding.rule in _DEPLOYS:
        return "programs have to be deployed between its steps"
    if finding.rule not in MECHANICAL or finding.fix is None:
        return _REASONS.get(finding.rule, OPEN)
    if finding.fix.label in _LABELS:
        return _LABELS[finding.fix.label]
    if "op.get_bind()" in finding.fix.code:
        return "the rows that exist are changed by code that asks the database"
    told = (line for line in finding.fix.code.splitlines() if line.lstrip().startswith("#"))
    if any(line != NEXT and not line.startswith(KEPT) for line in told):
        return "a step of it is for people"
    return None


def steps(code: str) -> list[str]:
    """The steps of a proposal, each in a transaction of its own; the first may be empty."""
    found: list[list[str]] = [[]]
    for line in code.splitlines():
        if line == NEXT:
            found.append([])
        elif not line.startswith(KEPT):
            found[-1].append(line)
    return ["\n".join(lines) for lines in found]


def in_one(code: str, *, alone: bool) -> str:
    """All steps in one revision, with a commit between any two of them.

    `alone` says that each statement commits by itself already where they are to stand.
    """
    written: list[str] = []
    begun = False
    for number, step in enumerate(steps(code)):
        if not step:
            begun = True
        elif alone:
            written.append(_unwrapped(step))
        elif _BLOCK in step:
            written.append(step)
            begun = False
        elif "VALIDATE CONSTRAINT" in step or (begun and number):
            written.append(autocommit(step))
            begun = False
        else:
            written.append(step)
            begun = True
    return "\n".join(written)


def _unwrapped(step: str) -> str:
    """A step without its blocks, whose lines stand where the blocks stood."""
    before, *blocks = step.split(_BLOCK)
    return before + "".join(map(dedent, blocks))
