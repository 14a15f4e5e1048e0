"""Turns everything `doctor` read into findings, one for each rule."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dbtool.errors import UsageError
from dbtool.finding import Finding, Unknown, rule_name
from dbtool.health.doctor.baseline import Known, known_lines
from dbtool.health.doctor.concern import Hygiene, together
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.rules import DOCTOR
from dbtool.report import Report, counted


@dataclass(frozen=True, slots=True)
class Doctored:
    """What was read, and every finding by itself; the report puts those of one rule together."""

    examined: Examined
    each: tuple[Finding, ...]
    accepted: tuple[str, ...] = field(default=())


def choose(select: Sequence[str], ignore: Sequence[str]) -> tuple[Hygiene, ...]:
    """The rules selected, all where none is, without those ignored."""
    wanted = _known(select, "--select") or {rule_name(rule.__name__) for rule in DOCTOR}
    left_out = _known(ignore, "--ignore")
    return tuple(rule for rule in DOCTOR if rule_name(rule.__name__) in wanted - left_out)


def _known(given: Iterable[str], place: str) -> set[str]:
    names = {rule_name(rule.__name__) for rule in DOCTOR}
    found = {each.strip().lower().replace("_", "-") for each in given}
    if unknown := sorted(found - names):
        from difflib import get_close_matches

        near = get_close_matches(unknown[0], sorted(names))
        raise UsageError(
            f'{place}: no rule of doctor is called "{unknown[0]}"',
            hint=f"Did you mean {' or '.join(near)}?" if near else "See dbtool rules for all.",
        )
    return found


def judged(
    examined: Examined, rules: Sequence[Hygiene], known: Known
) -> tuple[Doctored, tuple[Unknown, ...]]:
    """Every finding that is not accepted already, and what could not be decided."""
    said = [each for rule in rules for each in rule.check(examined)]
    findings = [each for each in said if isinstance(each, Finding)]
    fresh = tuple(each for each in findings if not known.has(each))
    accepted = tuple(known_lines(each for each in findings if known.has(each)))
    unknowns = tuple(each for each in said if isinstance(each, Unknown))
    return Doctored(examined, fresh, accepted), unknowns


def doctor_report(examined: Examined, rules: Sequence[Hygiene], known: Known) -> Report:
    """The findings of each rule together, the worst first."""
    data, unknowns = judged(examined, rules, known)
    findings = sorted(together(rules, data.each), key=lambda each: -each.severity)
    return Report(
        command="doctor",
        data=data,
        headline=_headline(data, findings),
        findings=tuple(findings),
        unknowns=(*_gaps(examined, rules), *unknowns),
        notes=tuple(_notes(data, known)),
        next=tuple(f"dbtool rules {each.rule}" for each in findings[:1]),
        judged=True,
    )


def _headline(data: Doctored, findings: Sequence[Finding]) -> str:
    read = data.examined
    of = [counted(len(read.tables), "table")] if read.tables is not None else []
    of += [_indexes(len(read.indexes))] if read.indexes is not None else []
    where = f" in {' and '.join(of)}" if of else ""
    if not findings:
        return f"nothing to mend{where}"
    objects = len(data.each)
    return f"{counted(objects, 'thing')} to mend{where}, of {counted(len(findings), 'kind')}"


def _indexes(number: int) -> str:
    return "1 index" if number == 1 else f"{number:,} indexes"


def _gaps(examined: Examined, rules: Sequence[Hygiene]) -> Iterator[Unknown]:
    """What could not be asked and one of these rules would have judged."""
    wanted = {part for rule in rules for part in rule.READS}
    for gap in examined.gaps:
        if gap.part in wanted and not gap.skipped:
            yield Unknown(rule=f"doctor.{gap.part}", reason=gap.reason, decide=gap.decide)


def _notes(data: Doctored, known: Known) -> Iterator[str]:
    if data.accepted:
        yield f"{counted(len(data.accepted), 'known finding')} left out: {known.path}"
    for line in known.gone(data.accepted):
        yield f"not found any more, so it can go from {known.path}: {line}"
