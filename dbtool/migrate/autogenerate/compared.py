"""What the models want of the schema, in each of the contexts env.py configures."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from alembic.autogenerate import RevisionContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from dbtool.errors import UsageError
from dbtool.metadata import load as load_models
from dbtool.migrate.autogenerate.base import Base
from dbtool.migrate.autogenerate.renames import Sides
from dbtool.migrate.compare import NO_MODELS, arguments, options_for, prepared
from dbtool.migrate.diff.build import Built
from dbtool.migrate.diff.cache import Cache
from dbtool.migrate.diff.compare import compare as compare_sides
from dbtool.migrate.diff.events import lacking
from dbtool.migrate.diff.foreign import compare_all, compares_more, only, without_enums
from dbtool.migrate.diff.run import Builder, Live, read_now, unbuilt
from dbtool.migrate.diff.scope import metadatas_of, settle_schema
from dbtool.migrate.difference import Difference, Uncompared
from dbtool.migrate.environment import Loaded
from dbtool.migrate.project import Project
from dbtool.migrate.session import Session
from dbtool.ports import Progress


@dataclass(slots=True)
class One:
    """One of env.py's contexts: both sides, and how they differ.

    `suspect` are tables that could not be built: only Alembic itself can judge them.
    """

    built: Built
    live: Live
    default: str
    token: str
    differences: list[Difference] = field(default_factory=list)
    suspect: frozenset[str] = frozenset()

    @property
    def sides(self) -> Sides:
        """Both catalogues."""
        return Sides(self.built.catalog, self.live.catalog, self.default)


@dataclass(frozen=True, slots=True)
class Compared:
    """All contexts in the order in which env.py configures them."""

    contexts: tuple[One, ...]
    uncompared: tuple[Uncompared, ...]
    tables: int

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Everything that differs, once."""
        return tuple(dict.fromkeys(each for one in self.contexts for each in one.differences))


def compared(project: Project, base: Base, progress: Progress, words: tuple[str, ...]) -> Compared:
    """Compare the models with a scratch database that the project is pointed at."""
    if project.models:
        load_models(project.models, project.root, project.place.ini)
    contexts: list[MigrationContext] = []

    def note(_: ScriptDirectory, __: tuple[str, ...], context: MigrationContext) -> None:
        settle_schema(context)
        if context.opts.get("target_metadata") is None:
            raise NO_MODELS
        contexts.append(context)

    with Session(project, progress, reading=True) as session:
        session.look(words, note, partial(_options, []))
        live = read_now(session.connection)
    tables = sum(len(each.tables) for context in contexts for each in metadatas_of(context))
    if not tables:
        raise _no_tables(live, contexts)
    return _each(project, base, progress, contexts, live)


def _each(
    project: Project,
    base: Base,
    progress: Progress,
    contexts: list[MigrationContext],
    live: Live,
) -> Compared:
    cache = Cache(project.root.absolute() / ".dbtool/models")
    uncompared: list[Uncompared] = []
    found = []
    with Builder(cache, progress, base.server) as builder:
        for context in contexts:
            built = builder.build(context, live)
            said = compare_sides(context, built, live.catalog)
            default = context.dialect.default_schema_name or "public"
            token = str(context.opts["upgrade_token"])
            found.append(One(built, live, default, token, [*said.differences], said.suspect))
            uncompared += map(unbuilt, built.unbuilt)
            uncompared += lacking(built.catalog, live.catalog)
    tables = sum(len(each.tables) for context in contexts for each in metadatas_of(context))
    return Compared(tuple(found), tuple(uncompared), tables)


def by_alembic(
    one: One, loaded: Loaded, at: tuple[str, ...], context: MigrationContext
) -> tuple[RevisionContext | None, Uncompared | None]:
    """Alembic's own comparison, of what could not be built and of what plugins compare.

    What a plugin could not compare comes with it.
    """
    if not one.suspect and not compares_more():
        return None, None
    comparison = prepared(loaded, arguments())
    given = {**context.opts}
    only(context, one.suspect)
    context.opts["process_revision_directives"] = None
    try:
        untried = compare_all(comparison, at, context)
    finally:
        context.opts.update(given)
    without_enums(comparison)
    return comparison, untried


def _options(comparisons: list[RevisionContext], loaded: Loaded) -> dict[str, object]:
    comparisons.append(prepared(loaded, arguments()))
    return options_for(comparisons[0])


def _no_tables(live: Live, contexts: Iterable[MigrationContext]) -> UsageError:
    versions = {context.version_table for context in contexts}
    there = sum(each.name not in versions for each in live.catalog.tables)
    return UsageError(
        "the models env.py gives Alembic have no tables at all",
        detail=f"The history makes {there} of them: each would be dropped." if there else "",
        hint="Did env.py import your models? It can import them, or the settings can name them:"
        ' models = ["package.module:Base"].',
    )
