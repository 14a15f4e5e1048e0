"""Where a database stands in the history."""

from contextlib import chdir
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbtool.migrate import shortcut
from dbtool.migrate.history import (
    History,
    Revision,
    marked,
    of_header,
    of_lineage,
    of_script,
    of_scripts,
)
from dbtool.migrate.project import Project
from dbtool.migrate.standing import Standing, standing_of
from dbtool.ports import Progress, Silent

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import Script, ScriptDirectory


@dataclass(frozen=True, slots=True)
class Current:
    """The revisions a database is at; a schema per tenant has a version table each."""

    database: str
    named_by: str
    revisions: tuple[Revision, ...]
    standings: tuple[Standing, ...]

    @property
    def pending(self) -> int:
        """How many revisions are pending, everywhere."""
        return sum(len(each.pending) for each in self.standings)


def current(
    project: Project, progress: Progress | None = None, flags: tuple[str, ...] = ()
) -> Current:
    """Where the database stands; env.py is asked unless its source says where to look."""
    found = shortcut.position(project, progress or Silent())
    if found is not None and found.lineage.named_only and not found.versions.pooled:
        return _of_position(project, found)
    return asked(project, progress or Silent(), flags)


def _of_position(project: Project, found: shortcut.Position) -> Current:
    versions, line = found.versions, found.lineage
    standing = Standing(versions.table, versions.recorded, line.heads, found.pending)
    with chdir(project.place.base):
        at = tuple(of_header(line, each) for each in versions.recorded)
    return Current(found.target.shown, found.target.source, at, (standing,))


def asked(project: Project, progress: Progress, flags: tuple[str, ...] = ()) -> Current:
    """Ask the database through env.py, which may look at the flags of the command line."""
    from dbtool.migrate.session import Session

    with Session(project, progress, reading=True) as session:
        found: dict[str, Revision] = {}
        standings: list[Standing] = []

        def look(script: "ScriptDirectory", at: tuple[str, ...], _: "MigrationContext") -> None:
            standing = standing_of("", script, at)
            known = tuple(each for each in at if each not in standing.unknown)
            scripts = _all_current(script, known)
            found.update((each.revision, of_script(each)) for each in scripts)
            standings.append(standing)

        record = session.look(("current", *flags), look, any_revision=True)
        named = zip(standings, record.tables, strict=True)
        return Current(
            session.target.shown,
            session.target.source,
            tuple(found.values()),
            tuple(replace(each, version_table=table.shown) for each, table in named),
        )


def _all_current(script: "ScriptDirectory", at: tuple[str, ...]) -> "list[Script]":
    """Alembic also names the heads of branches that are only depended on."""
    from dbtool.migrate.lookup import resolve

    scripts = resolve(script, lambda: script.get_revisions(at))
    if any(each.dependencies for each in script.walk_revisions()):
        scripts = tuple(resolve(script, lambda: script.get_all_current(at)))
    return sorted(scripts, key=lambda each: each.revision)


def history_at(
    project: Project,
    base: str | None,
    head: str | None,
    progress: Progress | None = None,
    flags: tuple[str, ...] = (),
) -> History:
    """The history with the revisions marked that the database records.

    `current` stands for those revisions in the range.
    """
    if base is None and head is None:
        known = shortcut.position(project, progress or Silent())
        if known is not None and known.lineage.named_only and not known.versions.pooled:
            with chdir(project.place.base):
                whole = of_lineage(known.lineage)
            return marked(whole, known.versions.recorded, known.pending, known.target.shown)
    from dbtool.migrate.lookup import resolve
    from dbtool.migrate.session import Session

    with Session(project, progress or Silent(), reading=True) as session:
        found: list[History] = []

        def look(script: "ScriptDirectory", at: tuple[str, ...], _: "MigrationContext") -> None:
            lower = at if base == "current" else base or "base"
            upper = at if head == "current" else head or "heads"
            walked = resolve(
                script,
                lambda: list(script.walk_revisions(base=lower, head=upper)),  # type: ignore[arg-type]
            )
            pending = standing_of("", script, at).pending
            found.append(marked(of_scripts(script, walked), at, pending, session.target.shown))

        session.look(("history", *flags), look)
        return found[0]


def revisions_at(project: Project, progress: Progress | None = None, verb: str = "show") -> History:
    """The revisions the database records; `verb` is the command that asks."""
    from dbtool.migrate.lookup import resolve
    from dbtool.migrate.session import Session

    with Session(project, progress or Silent(), reading=True) as session:
        found: list[History] = []

        def look(script: "ScriptDirectory", at: tuple[str, ...], _: "MigrationContext") -> None:
            scripts = resolve(script, lambda: script.get_revisions(at))
            found.append(marked(of_scripts(script, scripts), at, (), session.target.shown))

        session.look((verb, "current"), look)
        return found[0]
