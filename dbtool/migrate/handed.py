"""Write a revision whose operations somebody else has worked out."""

from collections.abc import Sequence
from typing import Any

from alembic.script import Script
from alembic.util import rev_id

from dbtool.errors import OperationError
from dbtool.migrate.environment import load
from dbtool.migrate.history import Revision
from dbtool.migrate.project import Project
from dbtool.migrate.revision import Wish, written

_INDENT = "\n    "


def write(
    project: Project, message: str, upgrade: Sequence[str], downgrade: Sequence[str]
) -> Revision:
    """Fill the team's template with lines of code, after the head of the history."""
    wish = Wish(message)
    loaded = load(project, ("revision", *wish.words()))
    code: dict[str, Any] = {
        "config": loaded.config,
        "imports": "",
        "upgrades": _INDENT.join(upgrade),
        "downgrades": _INDENT.join(downgrade),
    }

    def generate() -> list[Script | None]:
        script = loaded.script
        return [script.generate_revision(rev_id(), message, head="head", refresh=True, **code)]

    (made,) = written(loaded.script, project, generate).revisions
    with open(made.file, encoding="utf-8") as file:
        text = file.read()
    if any(line.strip() not in text for line in (*upgrade, *downgrade)):
        raise OperationError(
            f"the revision {made.revision} is written, and its template left the operations out",
            detail=f"{made.file} has no place for them.",
            hint=f"Write into its upgrade(): {' '.join(line.strip() for line in upgrade)}",
        )
    return made
