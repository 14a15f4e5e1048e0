"""What env.py gives to the functions of its revisions: `run_migrations(engine_name=name)`."""

from collections.abc import Mapping
from typing import Any

from alembic.runtime.migration import MigrationContext

_KEY = "dbtool_given"


def remember(context: MigrationContext, given: Mapping[str, Any]) -> None:
    """Keep it with the context, for whoever looks at the revisions before they run."""
    context.opts[_KEY] = dict(given)


def given_to(context: MigrationContext) -> dict[str, Any]:
    """What the revisions of a context will be given."""
    found: dict[str, Any] = context.opts.get(_KEY, {})
    return found
