"""Revisions that are not written yet: read from elsewhere as if they lay among the others."""

from collections.abc import Sequence
from pathlib import Path

from alembic.script import ScriptDirectory


class _WithDrafts(ScriptDirectory):
    """A history with further directories; env.py may still name those of its own."""

    drafts: tuple[Path, ...] = ()

    @property
    def _version_locations(self) -> Sequence[Path]:
        own: Sequence[Path] = vars(ScriptDirectory)["_version_locations"].fget(self)
        return [*own, *self.drafts]


def with_drafts(script: ScriptDirectory, drafts: tuple[Path, ...]) -> ScriptDirectory:
    """The same history, with the revisions of some directories among its own."""
    if drafts:
        script.__class__ = _WithDrafts
        vars(script)["drafts"] = drafts
    return script
