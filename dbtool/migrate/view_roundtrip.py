"""Report of revisions that ran up, down and up again."""

from collections.abc import Iterator

from dbtool.finding import Rule, Unknown, judge
from dbtool.migrate.roundtrip import RoundTrip
from dbtool.migrate.rules import (
    downgrade_differs,
    downgrade_does_nothing,
    downgrade_fails,
    downgrade_leaves_behind,
    downgrade_refused,
    rows_not_kept,
    upgrade_fails,
    upgrade_not_repeatable,
)
from dbtool.migrate.trip import Outcome, Trip
from dbtool.report import Cell, Column, Report, Styled, Table, Tone, counted, duration, listed

_RULES: tuple[Rule[Trip], ...] = (
    upgrade_fails,
    downgrade_fails,
    downgrade_differs,
    downgrade_leaves_behind,
    downgrade_does_nothing,
    upgrade_not_repeatable,
    rows_not_kept,
    downgrade_refused,
)
_NAME = "round-trip"
_TONES: dict[Outcome, Tone] = {
    Outcome.REVERSIBLE: "good",
    Outcome.IRREVERSIBLE: "note",
    Outcome.UNKNOWN: "muted",
}
_MILD = (Outcome.EMPTY, Outcome.LEAKS)
_SHOWN = 30


def roundtrip(result: RoundTrip, command: str) -> Report:
    """What came of each revision, and what to do about it."""
    said = (each for trip in result.revisions for each in judge(_RULES, trip)[0])
    findings = sorted(dict.fromkeys(said), key=lambda each: -each.severity)
    return Report(
        command=command,
        data=result,
        headline=_headline(result),
        sections=_table(result.revisions),
        findings=tuple(findings),
        unknowns=_untried(result),
        notes=tuple(_notes(result)),
        judged=True,
    )


def _headline(result: RoundTrip) -> str:
    if not result.revisions and not result.untried:
        return f"round trip of {result.chosen}"
    proven = sum(each.is_proven for each in result.revisions)
    irreversible = sum(each.outcome is Outcome.IRREVERSIBLE for each in result.revisions)
    said = f"{proven} of {counted(len(result.revisions) + len(result.untried), 'revision')}"
    also = f", {irreversible} refused by the author" if irreversible else ""
    return f"{said} led back and up again in a throwaway PostgreSQL {result.major}{also}"


def _table(trips: tuple[Trip, ...]) -> tuple[Table, ...]:
    """What every revision came to; of many only those that did not lead back."""
    shown = trips if len(trips) <= _SHOWN else tuple(e for e in trips if not e.is_proven)
    several = len({each.version_table for each in trips}) > 1
    columns = [Column("revision"), Column("message", shrink=True)]
    columns += [Column("version table")] if several else []
    rows: list[tuple[Cell, ...]] = [
        (
            each.revision,
            each.message,
            *([each.version_table] if several else []),
            Styled(each.outcome, _tone(each)),
            _rows(each),
        )
        for each in shown
    ]
    columns += [Column("round trip"), Column("rows")]
    return (Table(tuple(columns), tuple(rows)),) if rows else ()


def _tone(trip: Trip) -> Tone:
    return "warning" if trip.outcome in _MILD else _TONES.get(trip.outcome, "error")


def _rows(trip: Trip) -> str:
    if trip.rows is None:
        return ""
    if trip.rows.failure is not None:
        return f"{trip.rows.failure.way} fails"
    return "not kept" if trip.rows.lost else "kept" if trip.rows.tables else ""


def _untried(result: RoundTrip) -> tuple[Unknown, ...]:
    found = [
        Unknown(
            rule=_NAME,
            reason=f"not tried: {listed(result.untried, 5)}, behind one that cannot be applied",
            decide="another run, once that one can be applied",
        )
    ]
    without_rows = (
        Unknown(
            rule=_NAME,
            reason=f"{trip.revision} was not tried with rows: {_why(trip)}",
            decide="upgrade and downgrade in a development database that has rows",
            location=trip.location,
        )
        for trip in result.revisions
        if trip.rows is not None and _why(trip)
    )
    return (*_unknown(result), *(found if result.untried else ()), *without_rows)


def _unknown(result: RoundTrip) -> Iterator[Unknown]:
    """Revisions that take what is not there where they were tried."""
    for trip in result.revisions:
        if trip.outcome is Outcome.UNKNOWN and trip.failure is not None:
            yield Unknown(
                rule=_NAME,
                reason=f"{trip.revision} could not be tried here: {trip.failure.said}",
                decide="another run, where all is there that it takes for granted",
                location=trip.location,
            )


def _why(trip: Trip) -> str:
    """Why rows could not be tried; made-up rows that an upgrade refuses prove nothing."""
    rows = trip.rows
    if rows is None or (rows.tables and rows.failure is None):
        return ""
    if rows.failure is not None:
        way = rows.failure.way
        return f"the {way} fails on made-up ones: {rows.failure.said}" if way == "upgrade" else ""
    return "; ".join(f"{each.table}: {each.reason}" for each in rows.skipped[:2])


def _notes(result: RoundTrip) -> list[str]:
    took = sum(each.seconds for each in result.revisions)
    if not result.revisions:
        return []
    each = duration(took / len(result.revisions))
    return [f"{result.chosen}; {each} each"]
