"""The revisions of a project as data: the whole history, its heads, and where a database stands.

A history without labels and dependencies is read from the headers alone, without Alembic.
"""

from collections.abc import Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbtool.migrate.headers import Header, created, message, read_all
from dbtool.migrate.lineage import Lineage, lineage
from dbtool.migrate.location import Place, find, relative_name, version_directories

if TYPE_CHECKING:
    from alembic.script import Script, ScriptDirectory

    from dbtool.migrate.project import Project


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision, and its place among the others."""

    revision: str
    down_revisions: tuple[str, ...]
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    message: str
    created: str | None
    file: str
    head: bool
    children: tuple[str, ...] = ()
    current: bool | None = None
    applied: bool | None = None
    doc: str = field(default="", metadata={"json": False})


@dataclass(frozen=True, slots=True)
class History:
    """Revisions, the newest first."""

    revisions: tuple[Revision, ...]
    heads: tuple[str, ...]
    database: str | None = None


def revision_ids(
    start: Path, configs: Sequence[Path] | None = None, section: str | None = None
) -> list[tuple[str, str]]:
    """Every revision with its message, for shell completion: fast, and silent on any error."""
    from dbtool.errors import DbtoolError
    from dbtool.settings.project import find as find_project

    try:
        headers = _headers(find(configs, section, find_project(start).root))
    except (DbtoolError, OSError):
        return []
    return [(each.revision, each.message) for each in headers or ()]


def _headers(place: Place) -> tuple[Header, ...] | None:
    directories = version_directories(place)
    if directories is None:
        return None
    return read_all(directories, place.flag("recursive_version_locations"))


def history(project: "Project") -> History:
    """All revisions, the newest first."""
    with chdir(project.place.base):
        line = lineage(_headers(project.place) or ())
        if line is not None and line.headers and line.named_only:
            return of_lineage(line)
    return walk(project, None, None)


def of_lineage(line: Lineage) -> History:
    """Revisions that no label and no dependency relates any further, as data."""
    return History(tuple(of_header(line, each) for each in line.newest_first()), line.heads)


def of_header(line: Lineage, revision: str) -> Revision:
    """One revision as data, from its header."""
    header, children = line.headers[revision], line.children[revision]
    return Revision(
        revision=revision,
        down_revisions=header.down_revisions,
        branch_labels=(),
        depends_on=(),
        message=header.message,
        created=created(header.doc),
        file=relative_name(header.path),
        head=not children,
        children=tuple(sorted(children)),
        doc=header.doc.strip(),
    )


def walk(project: "Project", base: str | None, head: str | None) -> History:
    """The revisions between two, as Alembic walks them."""
    from dbtool.migrate.lookup import resolve
    from dbtool.migrate.script import read_history

    script = read_history(project)
    with chdir(project.place.base):
        found = resolve(
            script, lambda: list(script.walk_revisions(base=base or "base", head=head or "heads"))
        )
        return of_scripts(script, found)


def of_scripts(script: "ScriptDirectory", scripts: Iterable["Script"]) -> History:
    """Alembic's revisions as data."""
    return History(tuple(map(of_script, scripts)), tuple(script.get_heads()))


def of_script(script: "Script") -> Revision:
    """One of Alembic's revisions as data."""
    return Revision(
        revision=script.revision,
        down_revisions=script._versioned_down_revisions,
        branch_labels=tuple(sorted(script.branch_labels)),
        depends_on=_several(script.dependencies),
        message=message(script.longdoc),
        created=created(script.longdoc),
        file=relative_name(script.path),
        head=script.is_head,
        children=tuple(sorted(script.nextrev)),
        doc=script.longdoc,
    )


def _several(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Alembic keeps one name as a string."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def heads(project: "Project", *, resolve_dependencies: bool = False) -> History:
    """The heads; those other revisions depend on only where dependencies are not resolved."""
    if not resolve_dependencies:
        with chdir(project.place.base):
            line = lineage(_headers(project.place) or ())
            if line is not None and line.headers and line.named_only:
                return History(tuple(of_header(line, each) for each in line.heads), line.heads)
        whole = history(project)
        named = {each.revision: each for each in whole.revisions}
        return History(tuple(named[each] for each in whole.heads), whole.heads)
    return _found(project, "heads")


def show(project: "Project", name: str) -> History:
    """The revisions a name stands for."""
    return _found(project, name)


@dataclass(frozen=True, slots=True)
class Branches:
    """The revisions from which more than one other follows, and all revisions they lead to."""

    points: tuple[Revision, ...]
    messages: tuple[tuple[str, str], ...] = field(default=(), metadata={"json": False})


def branches(project: "Project") -> Branches:
    """Where the history branches."""
    whole = history(project)
    points = tuple(each for each in whole.revisions if len(each.children) > 1)
    return Branches(points, tuple((each.revision, each.message) for each in whole.revisions))


def _found(project: "Project", name: str) -> History:
    from dbtool.migrate.lookup import resolve
    from dbtool.migrate.script import read_history

    script = read_history(project)
    with chdir(project.place.base):
        return of_scripts(script, resolve(script, lambda: script.get_revisions(name)))


def marked(
    whole: History, current: Iterable[str], pending: Iterable[str], database: str
) -> History:
    """The history with the revisions marked that a database records, and those it has applied."""
    at, waiting = frozenset(current), frozenset(pending)
    revisions = tuple(
        replace(each, current=each.revision in at, applied=each.revision not in waiting)
        for each in whole.revisions
    )
    return replace(whole, revisions=revisions, database=database)
