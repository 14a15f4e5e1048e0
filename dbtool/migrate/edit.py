"""Open revision files in the user's editor."""

from alembic.util import CommandError
from alembic.util.editor import open_in_editor

from dbtool.errors import UsageError
from dbtool.migrate.current import revisions_at
from dbtool.migrate.history import show
from dbtool.migrate.project import Project
from dbtool.ports import Progress


def edit(project: Project, name: str, progress: Progress) -> None:
    """Open the files of the revisions a name stands for, one after the other."""
    found = revisions_at(project, progress, "edit") if name == "current" else show(project, name)
    if not found.revisions:
        raise UsageError(f'"{name}" stands for no revision')
    for revision in found.revisions:
        try:
            open_in_editor(str(project.place.base / revision.file))
        except CommandError as error:
            raise UsageError(
                "the editor could not be started", detail=str(error), hint="Set $EDITOR."
            ) from error
