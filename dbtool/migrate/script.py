"""Alembic's own view of the history, from the revisions' headers where they are literal.

No revision is executed then: projects import half their application in them.
"""

from collections.abc import Iterator
from contextlib import chdir
from types import ModuleType

from alembic.script import Script, ScriptDirectory

from dbtool.migrate.environment import load
from dbtool.migrate.headers import Header, read_all
from dbtool.migrate.listener import Offline
from dbtool.migrate.location import version_directories
from dbtool.migrate.lookup import resolve
from dbtool.migrate.project import Project


def read_history(project: Project, words: tuple[str, ...] = ("heads",)) -> ScriptDirectory:
    """The history with every revision loaded; raises what is wrong with it."""
    script = load(project, words).script
    place = project.place
    directories = version_directories(place)
    recursive = place.flag("recursive_version_locations")
    headers = read_all(directories, recursive) if directories is not None else None
    if headers is not None:
        take(script, headers)
    with chdir(place.base), Offline():
        resolve(script, lambda: script.revision_map.heads)
    return script


def take(script: ScriptDirectory, headers: tuple[Header, ...]) -> None:
    """Have Alembic build its map of the headers instead of the executed files."""

    def scripts() -> Iterator[Script]:
        return (_script(each) for each in headers)

    script._load_revisions = scripts  # type: ignore[method-assign]
    script.revision_map._generator = scripts


def _script(header: Header) -> Script:
    module = ModuleType(header.revision, header.doc or None)
    module.__dict__.update(
        revision=header.revision,
        down_revision=_scalar(header.down_revisions),
        branch_labels=header.branch_labels or None,
        depends_on=header.depends_on or None,
        upgrade=None,
        downgrade=None,
    )
    return Script(module, header.revision, header.path)


def _scalar(revisions: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return revisions if len(revisions) > 1 else revisions[0] if revisions else None
