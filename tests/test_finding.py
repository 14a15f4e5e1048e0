"""Rules and what they say."""

from collections.abc import Iterator

import pytest

from dbtool.finding import Certainty, Finding, Location, Severity, Unknown, judge, rule_name


def finding(name: str, severity: Severity) -> Finding:
    """A finding of a rule."""
    return Finding(rule=name, severity=severity, title=name, certainty=Certainty.MEASURED)


class Big:
    """A number is too big."""

    __name__ = "rules.too_big"

    @staticmethod
    def check(subject: int, /) -> Iterator[Finding | Unknown]:
        """Say how big."""
        if subject > 10:
            yield finding("big", Severity.NOTE)
        if subject > 100:
            yield finding("huge", Severity.ERROR)


class Odd:
    """A number is odd."""

    __name__ = "rules.odd"

    @staticmethod
    def check(subject: int, /) -> Iterator[Finding | Unknown]:
        """Leave small numbers undecided."""
        if subject < 2:
            yield Unknown(rule="odd", reason="too small", decide="a bigger number")
        elif subject % 2:
            yield finding("odd", Severity.WARNING)


@pytest.mark.parametrize(
    ("subject", "names", "doubts"),
    [(4, [], 0), (11, ["odd", "big"], 0), (101, ["huge", "odd", "big"], 0), (1, [], 1)],
)
def test_judge(subject: int, names: list[str], doubts: int) -> None:
    """Every rule is asked, the worst is told first, and doubt is no finding."""
    findings, unknowns = judge((Big(), Odd()), subject)
    assert [each.rule for each in findings] == names
    assert len(unknowns) == doubts


def test_equally_bad_findings_keep_the_order_of_the_rules() -> None:
    """Sorting by severity leaves the rest as the list of rules has it."""
    findings, _ = judge((Odd(), Odd(), Big()), 11)
    assert [each.rule for each in findings] == ["odd", "odd", "big"]


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (Location(), ""),
        (Location(file="a.py"), "a.py"),
        (Location(file="a.py", line=3), "a.py:3"),
        (Location(line=3), ""),
        (Location(name="orders.id"), "orders.id"),
        (Location(file="a.py", line=3, name="orders"), "a.py:3, orders"),
    ],
)
def test_location(location: Location, text: str) -> None:
    """A place is printed as editors read it, and counts where there is something to print."""
    assert str(location) == text
    assert bool(location) == bool(text)


def test_rule_name() -> None:
    """A rule is called as its file is, in the way it is written after "allow"."""
    assert rule_name("dbtool.explain.rules.rows_discarded") == "rows-discarded"
