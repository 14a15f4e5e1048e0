"""Findings about single objects, put together where many have the same."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from dbtool.finding import Finding, Fix, Location, Unknown
from dbtool.health.doctor.examined import Examined

TOLD = 8
"""How many objects of one rule are told one by one."""


class Hygiene(Protocol):
    """A rule over a whole database; `MANY` is its title where it found several objects."""

    __doc__: str | None
    MANY: str

    @property
    def READS(self) -> tuple[str, ...]:  # noqa: N802
        """The parts of what is examined that it judges."""

    @property
    def __name__(self) -> str: ...

    def check(self, subject: Examined, /) -> Iterable[Finding | Unknown]:
        """Judge everything that was read."""


def together(rules: Iterable[Hygiene], findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for each rule, the worst first; nobody reads three hundred of a kind."""
    titles = {rule.__name__.rpartition(".")[2].replace("_", "-"): rule.MANY for rule in rules}
    by_rule: dict[str, list[Finding]] = {}
    for each in findings:
        by_rule.setdefault(each.rule, []).append(each)
    for rule, found in by_rule.items():
        yield found[0] if len(found) == 1 else _merged(titles[rule], found)


def _merged(title: str, found: list[Finding]) -> Finding:
    told, more = found[:TOLD], len(found) - TOLD
    lines = [each.title for each in told] + ([f"+{more:,} more"] if more > 0 else [])
    fixes = [each.fix for each in told if each.fix]
    names = [each.location.name or "" for each in told if each.location]
    return replace(
        found[0],
        severity=max(each.severity for each in found),
        title=title.format(f"{len(found):,}"),
        evidence=tuple(lines),
        location=Location(name=", ".join(names)) if len(names) == 1 else None,
        fix=_block(fixes) if fixes else None,
    )


def _block(fixes: list[Fix]) -> Fix:
    """What can be pasted as one: of one language, and each warning beside what it is about.

    In a shell it stands above instead, for more words may come behind the commands.
    """
    language = fixes[0].language
    alike = [each for each in fixes if each.language == language]
    labels = list(dict.fromkeys(each.label for each in alike))
    if len(labels) > 1 and language == "sql":
        lines = [f"{each.code} -- {each.label}" if each.label else each.code for each in alike]
        return Fix(language, "\n".join(lines))
    return Fix(language, "\n".join(each.code for each in alike), "; ".join(filter(None, labels)))
