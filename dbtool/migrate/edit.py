"""Open revision files in the user's editor."""

import os
from pathlib import Path

from alembic.util import CommandError
from alembic.util.editor import open_in_editor

from dbtool.errors import UsageError
from dbtool.migrate.current import revisions_at
from dbtool.migrate.history import show
from dbtool.migrate.project import Project
from dbtool.ports import Progress

_ON_A_TERMINAL = frozenset({"vi", "vim", "nvim", "nano", "emacs", "pico", "joe", "micro", "hx"})


def edit(project: Project, name: str, progress: Progress) -> None:
    """Open the files of the revisions a name stands for, one after the other."""
    _refuse_without_terminal()
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


def _refuse_without_terminal() -> None:
    """An editor that draws on the terminal must not be started into a pipe."""
    named = os.environ.get("EDITOR") or os.environ.get("VISUAL") or ""
    draws = not named or Path(named).name in _ON_A_TERMINAL
    if draws and not (os.isatty(0) and os.isatty(1)):
        raise UsageError(
            "this is not a terminal, so no editor was started",
            detail=f"$EDITOR is {named}." if named else "$EDITOR is not set.",
            hint="Run it at a terminal, or set $EDITOR to an editor with a window of its own.",
        )
