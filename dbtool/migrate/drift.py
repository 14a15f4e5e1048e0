"""Compare the models with the database env.py is pointed at: Alembic's `check`."""

from dataclasses import dataclass, replace

from alembic.autogenerate import RevisionContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from dbtool import catalog
from dbtool.metadata import load as load_models
from dbtool.migrate.compare import (
    arguments,
    compare,
    differences,
    is_at_heads,
    options_for,
    prepared,
)
from dbtool.migrate.difference import Difference
from dbtool.migrate.environment import Loaded
from dbtool.migrate.logs import quiet_alembic
from dbtool.migrate.lookup import resolve
from dbtool.migrate.project import Project
from dbtool.migrate.session import Session
from dbtool.migrate.standing import Standing, standing_of
from dbtool.migrate.unseen import Uncompared, Unseen
from dbtool.migrate.unseen import look as look_beyond
from dbtool.ports import Progress, Silent

_WORDS = ("check",)


@dataclass(frozen=True, slots=True)
class Drift:
    """How models and database differ; pending revisions keep them from being compared."""

    database: str
    named_by: str
    differences: tuple[Difference, ...]
    standings: tuple[Standing, ...]
    tables_in_models: int
    uncompared: tuple[Uncompared, ...] = ()

    @property
    def pending(self) -> tuple[str, ...]:
        """The revisions that are to come."""
        return tuple(each for standing in self.standings for each in standing.pending)


def check(project: Project, progress: Progress | None = None) -> Drift:
    """Compare through env.py's own configuration, filters and comparators."""
    if project.models:
        load_models(project.models, project.root, project.place.ini)
    with Session(project, progress or Silent(), reading=True) as session:
        comparisons: list[RevisionContext] = []
        contexts: list[MigrationContext] = []
        standings: list[Standing] = []

        def options(loaded: Loaded) -> dict[str, object]:
            comparisons.append(prepared(loaded, arguments()))
            return options_for(comparisons[0])

        def look(script: ScriptDirectory, at: tuple[str, ...], context: MigrationContext) -> None:
            contexts.append(context)
            standings.append(standing_of("", script, at))
            if resolve(script, lambda: is_at_heads(script, at)):
                compare(comparisons[0], at, context)

        record = session.look(_WORDS, look, options)
        named = zip(standings, record.tables, strict=True)
        found = differences(comparisons[0], contexts[-1])
        pending = any(each.pending for each in standings)
        beyond = Unseen() if pending else _beyond(session, contexts)
        return Drift(
            database=session.target.shown,
            named_by=session.target.source,
            differences=(*found, *beyond.differences),
            uncompared=tuple(beyond.uncompared),
            standings=tuple(replace(each, version_table=table.shown) for each, table in named),
            tables_in_models=len(tables_of(contexts)),
        )


def _beyond(session: Session, contexts: list[MigrationContext]) -> Unseen:
    """What Alembic leaves out; the catalogue is read once over our own connection."""
    live = session.connection.run(catalog.read)
    with quiet_alembic():
        return look_beyond(contexts, live)


def tables_of(contexts: list[MigrationContext]) -> set[str]:
    """The tables of the models env.py gave Alembic."""
    given = [context.opts.get("target_metadata") for context in contexts]
    metadatas: list[MetaData] = []
    for each in given:
        metadatas.extend(each if isinstance(each, list | tuple) else [each] if each else [])
    return {name for metadata in metadatas for name in metadata.tables}
