"""All that was said of a draft, said of the file as it will be."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from dbtool.finding import Finding, Unknown

if TYPE_CHECKING:
    from dbtool.lint.linted import Linted, Outcome
    from dbtool.migrate.trip import Trip

Said = TypeVar("Said", Finding, Unknown)


def linted_at(linted: "Linted", places: Mapping[str, str]) -> "Linted":
    """What lint said, at the places that revisions will have."""
    return replace(linted, outcomes=tuple(_moved(each, places) for each in linted.outcomes))


def trip_at(trip: "Trip | None", places: Mapping[str, str]) -> "Trip | None":
    """A round trip, likewise."""
    return trip and replace(trip, file=places.get(trip.revision, trip.file))


def _moved(outcome: "Outcome", places: Mapping[str, str]) -> "Outcome":
    place = places.get(outcome.name, outcome.file)

    def moved(said: Said) -> Said:
        if said.location is None or said.location.file is None:
            return said
        return replace(said, location=replace(said.location, file=place))

    verdicts = (
        replace(
            each,
            statement=replace(each.statement, file=place),
            findings=tuple(map(moved, each.findings)),
            unknowns=tuple(map(moved, each.unknowns)),
        )
        for each in outcome.verdicts
    )
    return replace(
        outcome,
        file=place,
        verdicts=tuple(verdicts),
        findings=tuple(map(moved, outcome.findings)),
        unknowns=tuple(map(moved, outcome.unknowns)),
    )
