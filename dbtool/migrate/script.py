"""Alembic's own view of the history, from the revisions' headers where they are literal.

No revision is executed then: projects import half their application in them.
"""

from collections.abc import Callable, Iterator
from contextlib import chdir
from functools import cached_property
from pathlib import Path
from types import ModuleType

from alembic.script import Script, ScriptDirectory

from dbtool.migrate.environment import load
from dbtool.migrate.executed import execute
from dbtool.migrate.headers import Header, files, read, read_all
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
    places = (*directories, *project.drafts) if directories is not None else None
    headers = read_all(places, recursive) if places is not None else None
    if headers is not None:
        _take(script, headers)
    with chdir(place.base), Offline():
        resolve(script, lambda: script.revision_map.heads)
    return script


def _take(script: ScriptDirectory, headers: tuple[Header, ...]) -> None:
    """Have Alembic build its map of the headers instead of the executed files."""
    _load_by(script, lambda: (_script(each) for each in headers))


def read_lazily(script: ScriptDirectory) -> None:
    """Let no file be executed for its header but those that are not literal."""
    _read_headers(script, _script)


def read_when_needed(script: ScriptDirectory) -> None:
    """Let a file be executed when something of its module is asked for.

    Those whose header is not literal are executed for it.
    """
    _read_headers(script, _Deferred)


def _read_headers(script: ScriptDirectory, made: Callable[[Header], Script]) -> None:
    """Which files there are is asked when Alembic does: env.py may name other directories."""

    def scripts() -> Iterator[Script]:
        directories = map(Path, script._version_locations)
        for path in files(directories, script.recursive_version_locations):
            header = read(path)
            found = made(header) if header is not None else Script._from_path(script, path)
            if found is not None:
                yield found

    if not script.sourceless:
        _load_by(script, scripts)


def _load_by(script: ScriptDirectory, scripts: Callable[[], Iterator[Script]]) -> None:
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


class _Deferred(Script):
    """A revision whose file is executed the first time that its module is needed."""

    def __init__(self, header: Header) -> None:
        self._file, self.path = header.path, str(header.path)
        self._doc = header.doc
        super(Script, self).__init__(
            header.revision,
            _scalar(header.down_revisions),
            branch_labels=header.branch_labels,
            dependencies=header.depends_on,
        )

    @cached_property
    def module(self) -> ModuleType:  # type: ignore[override]
        """The executed file."""
        return execute(self._file)

    @property
    def longdoc(self) -> str:
        """The docstring, which its source has too."""
        return self._doc.strip()


def _scalar(revisions: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return revisions if len(revisions) > 1 else revisions[0] if revisions else None
