"""Import the models a proposal names, to know that the setting leads somewhere."""

from dataclasses import dataclass
from pathlib import Path

from dbtool.errors import UsageError
from dbtool.metadata import load
from dbtool.migrate.init.propose import Proposal


@dataclass(frozen=True, slots=True)
class Checked:
    """How many tables the models have, or why they could not be imported."""

    tables: int | None = None
    problem: str = ""


def check(proposal: Proposal) -> Checked:
    """Import the models as every other command will; those init writes itself are known."""
    survey, specs = proposal.survey, proposal.models
    if proposal.begins_models or not specs:
        return Checked()
    found = survey.environment
    config: Path | None = survey.root / found.config if found is not None else None
    try:
        return Checked(tables=len(load(specs, survey.root, config).tables))
    except UsageError as error:
        parts = (error.message, error.detail, error.hint)
        return Checked(problem="; ".join(each.rstrip(".") for each in parts if each))
