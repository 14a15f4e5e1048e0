"""What rules say about the plan of a statement beside the one that was kept."""

from dataclasses import replace

from dbtool.explain.baseline import Kept
from dbtool.explain.change import Change
from dbtool.explain.matching import match
from dbtool.explain.rules import (
    cost_risen,
    index_given_up,
    more_blocks,
    plan_changed,
    slower_than_kept,
    spilled_since,
    statement_fails,
)
from dbtool.finding import Location, Rule, judge

RULES: tuple[Rule[Change], ...] = (
    index_given_up,
    spilled_since,
    more_blocks,
    cost_risen,
    plan_changed,
    slower_than_kept,
)
_FAILED: tuple[Rule[Change], ...] = (statement_fails,)


def compare(before: Kept, now: Kept, file: str = "") -> Change:
    """Put two plans of one statement side by side and judge what changed."""
    edited = bool(before.fingerprint and now.fingerprint) and before.fingerprint != now.fingerprint
    pairs = match(before.nodes, now.nodes)
    return _judged(Change(file, now.line, before, now, edited, pairs=pairs), RULES)


def failed(before: Kept, file: str, why: str) -> Change:
    """A statement of which there was a plan, and now there is none."""
    return _judged(Change(file, before.line, before, before, failure=why), _FAILED)


def _judged(change: Change, rules: tuple[Rule[Change], ...]) -> Change:
    findings, unknowns = judge(rules, change)
    placed = tuple(replace(each, location=_place(change, each.location)) for each in findings)
    return replace(change, findings=placed, unknowns=unknowns)


def _place(change: Change, node: Location | None) -> Location | None:
    """The file and line, where there is one, and the node, where a rule names it."""
    line = change.line if change.file else None
    place = Location(change.file or None, line, node.name if node else None)
    return place if str(place) else None
