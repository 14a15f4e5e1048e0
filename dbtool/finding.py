"""What a rule says about the thing it judged."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, TypeVar

from dbtool.severity import Severity as Severity


class Certainty(StrEnum):
    """What a finding rests on."""

    MEASURED = "measured"
    PROVEN = "proven from history"
    DECLARED = "as declared"
    HEURISTIC = "heuristic"


@dataclass(frozen=True, slots=True)
class Location:
    """Where the finding is: a file and line, or a named object of the database or plan."""

    file: str | None = None
    line: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.file and self.line is not None:
            place = f"{self.file}:{self.line}"
        return ", ".join(part for part in (place, self.name) if part)

    def __bool__(self) -> bool:
        """Whether it says anything: a line alone does not, as where a query was typed."""
        return bool(self.file or self.name)


@dataclass(frozen=True, slots=True)
class Fix:
    """Corrected code in the user's own names, ready to paste."""

    language: Literal["sql", "python", "shell", "toml", "ini"]
    code: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, how sure we are, and what to do about it.

    `alike` is how many of the findings right behind it are so much like it that people are told
    them with it; machines get each.
    """

    rule: str
    severity: Severity
    title: str
    certainty: Certainty
    evidence: tuple[str, ...] = ()
    location: Location | None = None
    fix: Fix | None = None
    alike: int = field(default=0, metadata={"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A check that could not run: why, and what would decide it."""

    rule: str
    reason: str
    decide: str
    location: Location | None = None


Subject_contra = TypeVar("Subject_contra", contravariant=True)


class Rule(Protocol[Subject_contra]):
    """A module with a `check` function; its file name is its name, its docstring its page."""

    __doc__: str | None

    @property
    def __name__(self) -> str: ...

    def check(self, subject: Subject_contra, /) -> Iterable[Finding | Unknown]:
        """Judge one subject."""


def rule_name(module_name: str) -> str:
    """The public name of the rule in a module: `a.b.rows_discarded` is `rows-discarded`."""
    return module_name.rpartition(".")[2].replace("_", "-")


S = TypeVar("S")


def judge(rules: Iterable[Rule[S]], subject: S) -> tuple[tuple[Finding, ...], tuple[Unknown, ...]]:
    """Put one subject before every rule; the worst findings come first."""
    findings: list[Finding] = []
    unknowns: list[Unknown] = []
    for rule in rules:
        for said in rule.check(subject):
            if isinstance(said, Finding):
                findings.append(said)
            else:
                unknowns.append(said)
    findings.sort(key=lambda finding: -finding.severity)
    return tuple(findings), tuple(unknowns)


def together(findings: tuple[Finding, ...]) -> Iterator[tuple[Finding, ...]]:
    """The findings as people are told them: each with those alike behind it."""
    place = 0
    while place < len(findings):
        end = place + 1 + findings[place].alike
        yield findings[place:end]
        place = end
