"""Report of where the targets of a fleet stand, those first that need somebody's eye."""

from collections.abc import Iterator
from dataclasses import replace

from dbtool.finding import Finding
from dbtool.migrate.fleet.outcome import Fleet, Outcome, Seen
from dbtool.migrate.fleet.view import where
from dbtool.migrate.view_current import judged
from dbtool.migrate.view_status import obstacles
from dbtool.report import Column, Report, Table, counted, listed

_SHOWN = 30


def status(fleet: Fleet, command: str, *, check_heads: bool = False) -> Report:
    """All targets; of a large fleet those that failed, that meet something, that are behind."""
    findings = tuple(_together(fleet, _findings(fleet, check_heads=check_heads)))
    return Report(
        command=command,
        data=fleet,
        headline=_headline(fleet),
        sections=(_table(fleet),) if fleet.outcomes else (),
        findings=findings,
        judged=check_heads or bool(findings),
    )


def met(outcome: Outcome) -> str:
    """What an upgrade of it would meet."""
    found = outcome.status if isinstance(outcome, Seen) else None
    return "; ".join(obstacles(found, outcome.schema)) if found is not None else ""


def _headline(fleet: Fleet) -> str:
    waiting, failed = len(fleet.changed), len(fleet.failed)
    unknown = sum(map(_is_ahead, fleet.outcomes))
    meeting = sum(bool(met(each)) for each in fleet.outcomes)
    parts = [
        f"revisions pending in {waiting:,}",
        f"none in {len(fleet.outcomes) - waiting - failed - unknown:,}",
        f"not known in {unknown:,}" if unknown else "",
        f"{failed:,} failed" if failed else "",
        f"something in the way in {meeting:,}" if meeting else "",
    ]
    of = f"{_database(fleet)}, " if _database(fleet) else ""
    kind = "schema" if of else "target"
    return f"{of}{counted(len(fleet.outcomes), kind)}: {', '.join(filter(None, parts))}"


def _table(fleet: Fleet) -> Table:
    ranked = sorted(fleet.outcomes, key=_rank)
    title = f"{_SHOWN} of {len(ranked):,}; --json has all" if len(ranked) > _SHOWN else ""
    shown = ranked[:_SHOWN]
    columns = (
        Column("schema" if _database(fleet) else "target", shrink=True, least=16),
        Column("recorded", shrink=True, least=16),
        Column("pending", align="right"),
        Column("in the way", shrink=True, least=16),
    )
    return Table(columns, tuple(_row(each, fleet) for each in shown), title=title)


def _row(outcome: Outcome, fleet: Fleet) -> tuple[str, ...]:
    stands = ", ".join(outcome.after or ()) or "no revision"
    if outcome.error is not None:
        return _place(outcome, fleet), "not known", "", outcome.error.message
    pending = "not known" if _is_ahead(outcome) else f"{len(outcome.revisions):,}"
    return _place(outcome, fleet), stands, pending, met(outcome)


def _is_ahead(outcome: Outcome) -> bool:
    """Whether it is at a revision that no file has, and nothing of it is known to be pending."""
    return isinstance(outcome, Seen) and bool(outcome.unknown) and not outcome.revisions


def _place(outcome: Outcome, fleet: Fleet) -> str:
    """A schema alone where all are of one database, which the headline names."""
    return (outcome.schema or "") if _database(fleet) else where(outcome)


def _database(fleet: Fleet) -> str:
    """The one database whose schemas the targets are."""
    names = {each.target for each in fleet.outcomes}
    schemas = all(each.schema is not None for each in fleet.outcomes)
    return names.pop() if schemas and len(names) == 1 else ""


def _rank(outcome: Outcome) -> tuple[int, str, str]:
    """What somebody has to look at comes first."""
    worth = (
        outcome.error is not None,
        _is_ahead(outcome),
        bool(met(outcome)),
        bool(outcome.revisions),
    )
    first = next((n for n, each in enumerate(worth) if each), len(worth))
    return first, outcome.target, outcome.schema or ""


def _findings(fleet: Fleet, *, check_heads: bool) -> Iterator[tuple[Outcome, Finding]]:
    for each in fleet.outcomes:
        if isinstance(each, Seen) and each.status is not None:
            found, _ = judged(each.status.standings, check_heads=check_heads)
            yield from ((each, finding) for finding in found)


def _together(fleet: Fleet, found: Iterator[tuple[Outcome, Finding]]) -> Iterator[Finding]:
    """One finding for all targets of which it is true."""
    alike: dict[tuple[str, str], tuple[Finding, list[str]]] = {}
    for outcome, finding in found:
        _, places = alike.setdefault((finding.rule, finding.title), (finding, []))
        places.append(_place(outcome, fleet))
    for finding, places in alike.values():
        evidence = (*finding.evidence, f"in {counted(len(places), 'target')}: {listed(places, 5)}")
        yield replace(finding, evidence=evidence, location=None)
