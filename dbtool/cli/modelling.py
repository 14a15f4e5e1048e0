"""Judge what the models say themselves, and what pending revisions take from released ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbtool.cli.command import Call

if TYPE_CHECKING:
    from dbtool.report import Report


def judged(call: Call, select: Sequence[str], ignore: Sequence[str]) -> "Report":
    """The models that the settings name, before the rules; no database is asked."""
    from dbtool.metadata import load
    from dbtool.migrate import view_models
    from dbtool.migrate.model_rules import choose, judge

    settings = call.settings
    models = load(settings.models, settings.root, settings.alembic_config)
    left_out = ignore or settings.keys.models_ignore
    place = "--ignore" if ignore else "models_ignore"
    rules = choose(select, left_out, place)
    found = judge(models, select, left_out)
    return view_models.models(found, models, len(rules), call.command)


def released(call: Call, name: str) -> "Report":
    """What the revisions that a release lacks would take from its code."""
    from dbtool.cli.migrate import opened
    from dbtool.lint.taken import taken
    from dbtool.migrate import view_models
    from dbtool.migrate.released import check_released

    found = check_released(opened(call, offline=True), name, taken)
    return view_models.released(found, call.command)
