"""What `--fix` would write, worked out before anything is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dbtool.finding import Certainty, Finding, Location
from dbtool.lint.actions import Action, AddConstraint, CreateIndex
from dbtool.lint.fixing import revision, script
from dbtool.lint.fixing.mechanical import OPEN, refusal
from dbtool.lint.fixing.place import Mended
from dbtool.lint.linted import Linted, Outcome
from dbtool.lint.schema import Constraint, Index
from dbtool.severity import Severity
from dbtool.statement import Migration


@dataclass(frozen=True, slots=True)
class Fixed:
    """A finding whose proposal is written."""

    rule: str
    title: str
    location: Location | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A finding whose proposal is not written, and why."""

    rule: str
    title: str
    location: Location | None
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after."""

    file: str
    before: str = field(repr=False, metadata={"json": False})
    after: str = field(repr=False, metadata={"json": False})
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The files that change, and what becomes of the findings."""

    changes: tuple[Change, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    refused: tuple[Refused, ...] = ()


def still_there(plan: Plan, linted: Linted) -> Plan:
    """The plan without those refused that went away with others; they are not to be told."""
    left = {(each.rule, each.title): each.location for each in linted.findings}
    kept = (each for each in plan.refused if (each.rule, each.title) in left)
    told = (replace(each, location=left[each.rule, each.title]) for each in kept)
    return replace(plan, refused=tuple(told))


def fixable(linted: Linted) -> bool:
    """Whether there is anything that could be written without a decision of somebody's."""
    return any(refusal(each) is None for each in linted.findings)


def plan(linted: Linted, migrations: Iterable[Migration], texts: Mapping[str, str]) -> Plan:
    """Work out the new text of each file; `texts` is what the files say now, by their names."""
    judged: dict[str, list[Migration]] = {}
    for each in migrations:
        if each.judged:
            judged.setdefault(each.file, []).append(each)
    changes: list[Change] = []
    fixed: list[Fixed] = []
    refused: list[Refused] = []
    for outcome in linted.outcomes:
        found = _of_file(outcome, judged.get(outcome.file, []), texts.get(outcome.file))
        fixed += found.fixed
        refused += sorted(
            found.refused, key=lambda each: (each.location and each.location.line) or 0
        )
        changes += found.changes
    return Plan(tuple(changes), tuple(fixed), tuple(refused))


def _of_file(outcome: Outcome, migrations: list[Migration], text: str | None) -> Plan:
    wanted, refused = _sorted(outcome)
    if not wanted:
        return Plan(refused=tuple(refused))
    why = _whole(outcome, migrations)
    if why or text is None:
        told = (_refused(each.finding, why or "its file is not known") for each in wanted)
        return Plan(refused=(*refused, *told))
    is_revision = outcome.file.endswith(".py")
    made = (revision.mend if is_revision else script.mend)(migrations[0], text, wanted)
    refused += [_refused(finding, reason) for finding, reason in made.refused]
    if made.text == text:
        return Plan(refused=tuple(refused))
    fixed = tuple(Fixed(each.rule, each.title, each.location) for each in made.fixed)
    change = Change(outcome.file, text, made.text, _diff(outcome.file, text, made.text))
    return Plan((change,), fixed, tuple(refused))


def _sorted(outcome: Outcome) -> tuple[list[Mended], list[Refused]]:
    """The proposals to write, each with its statement, and what is not to be written."""
    wanted, refused = [], []
    for verdict in outcome.verdicts:
        errors = [each for each in verdict.findings if each.severity is Severity.ERROR]
        for finding in verdict.findings:
            if why := refusal(finding):
                refused.append(_refused(finding, why))
            elif len(errors) > 1 and len(verdict.steps) == 1:
                refused.append(_refused(finding, "several of its parts need a way of their own"))
            elif len(verdict.steps) > 1:
                refused.append(_refused(finding, "the statement does several things at once"))
            elif not _named(verdict.steps[0].action) and finding.certainty is not Certainty.PROVEN:
                refused.append(_refused(finding, "which name the server would give is not known"))
            else:
                wanted.append(Mended(verdict.statement, finding))
    refused += [_refused(each, refusal(each) or OPEN) for each in outcome.findings]
    return wanted, refused


def _named(action: Action) -> bool:
    """Whether what is created has the name of somebody's choice."""
    match action:
        case (
            AddConstraint(constraint=Constraint(name="", index=""))
            | CreateIndex(index=Index(name=""))
        ):
            return False
    return True


def _whole(outcome: Outcome, migrations: list[Migration]) -> str | None:
    """Why nothing at all of a file can be rewritten."""
    if not outcome.read:
        return "a part of the file could not be read without running it"
    if len(migrations) != 1:
        return "the file is run for several databases, each in its own way"
    return None


def _refused(finding: Finding, reason: str) -> Refused:
    return Refused(finding.rule, finding.title, finding.location, reason)


def _diff(file: str, before: str, after: str) -> str:
    import difflib

    old, new = _lines(before), _lines(after)
    return "\n".join(difflib.unified_diff(old, new, f"a/{file}", f"b/{file}", lineterm=""))


def _lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines
