"""The flow of `revision --autogenerate`: compare, recognise renames, draft, prove, write."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from alembic.autogenerate import RevisionContext
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from dbtool.database.sync import SyncConnection
from dbtool.errors import UsageError
from dbtool.migrate.autogenerate import chain, foreign, renames
from dbtool.migrate.autogenerate.alone import alone
from dbtool.migrate.autogenerate.base import Base, base, look_at, replay
from dbtool.migrate.autogenerate.compared import Compared, One, by_alembic, compared
from dbtool.migrate.autogenerate.directives import Directives
from dbtool.migrate.autogenerate.draft import Draft, drafted, placed
from dbtool.migrate.autogenerate.evidence import Renamed, renamed_in_git
from dbtool.migrate.autogenerate.pieces import Changes, is_kept, ways_back
from dbtool.migrate.autogenerate.proposed import Piece, Proposed, title
from dbtool.migrate.autogenerate.renames import Candidate
from dbtool.migrate.compare import options_for, prepared
from dbtool.migrate.diff.catalogs import Change
from dbtool.migrate.diff.scope import settle_schema
from dbtool.migrate.difference import Difference, Uncompared
from dbtool.migrate.environment import Loaded
from dbtool.migrate.location import relative
from dbtool.migrate.lookup import all_scripts, resolve, several_heads
from dbtool.migrate.project import Project
from dbtool.migrate.revision import Created, Wish, refuse_known, written
from dbtool.migrate.script import read_history
from dbtool.migrate.session import Session
from dbtool.ports import Progress


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be written, and what would not.

    `left` are differences no operation is known for, `kept` objects that only the database has
    and nothing needs to go, `omitted` what env.py's hook took out, `drift` what of the database
    named no revision explains.
    """

    changes: tuple[Proposed, ...]
    compared_with: str
    left: tuple[Difference, ...] = ()
    kept: tuple[Difference, ...] = ()
    omitted: tuple[str, ...] = ()
    uncompared: tuple[Uncompared, ...] = ()
    drift: tuple[Change, ...] = ()


@contextmanager
def begin(
    project: Project, wish: Wish, progress: Progress, against: Project | None = None
) -> Iterator["Autogenerate"]:
    """Compare the models with the history, which is run in a throwaway server.

    With `against` the database it names is looked at too, and nothing is changed there.
    """
    heads = _check_head(project, wish)
    live = look_at(against, progress, _words(wish)) if against is not None else None
    with ExitStack() as stack:
        found = stack.enter_context(base(project, progress, live))
        yield Autogenerate(wish, progress, found, stack, heads)


def _words(wish: Wish) -> tuple[str, ...]:
    """The command as Alembic's command line has it; env.py may look at it."""
    return ("revision", "--autogenerate", *wish.words())


def _check_head(project: Project, wish: Wish) -> frozenset[str]:
    """A revision is new and follows one head; which of several, somebody has to say."""
    script = read_history(project)
    refuse_known(script, wish)
    heads = resolve(script, script.get_heads)
    if wish.head == "head" and len(heads) > 1:
        error = several_heads(all_scripts(script), tuple(heads), "head")
        hint = "Say which it follows: --head ID; or join them first: dbtool merge heads."
        raise UsageError(error.message, detail=error.detail, hint=hint)
    return frozenset(heads)


@dataclass(slots=True)
class Autogenerate:
    """One run of the flow; what it has found so far."""

    wish: Wish
    progress: Progress
    base: Base
    stack: ExitStack = field(repr=False)
    heads: frozenset[str]
    chained: bool = False
    scratch: Project = field(init=False)
    compared: Compared = field(init=False)
    renamed: list[Candidate] = field(default_factory=list)
    refused: set[Candidate] = field(default_factory=set)
    _directives: Directives | None = None
    _evidence: Renamed | None = None
    _untried: list[Uncompared] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scratch = self.base.project
        self._compare()

    def _compare(self) -> None:
        self.compared = compared(self.scratch, self.base, self.progress, _words(self.wish))

    def candidates(self) -> tuple[Candidate, ...]:
        """What looks renamed, and nobody has said anything of yet."""
        if self._evidence is None:
            self._evidence = renamed_in_git(self.scratch.root.absolute())
        found = [
            each
            for one in self.compared.contexts
            for each in renames.candidates(one.sides, one.differences, self._evidence)
        ]
        return tuple(each for each in dict.fromkeys(found) if each not in self.refused)

    def rename_as_told(self, flags: Sequence[str]) -> None:
        """Rename what flags name: tables first, since columns of theirs are known only then."""
        left = list(dict.fromkeys(flags))
        while left:
            one = self.compared.contexts[0]
            found = renames.named(one.sides, self.compared.differences, left)
            self.rename([*found.values()])
            left = [each for each in left if each not in found]

    def rename(self, chosen: Sequence[Candidate]) -> None:
        """Take something for renamed: what else differs is compared again."""
        if chosen and not self.renamed:
            self.scratch = self.base.copy("renamed")
        if not chosen:
            return
        assert self.scratch.target is not None
        with SyncConnection(self.scratch.target) as connection:
            for each in chosen:
                connection.execute(each.sql)
        self.renamed += chosen
        self._compare()

    def propose(self) -> tuple[Proposal, Draft]:
        """The changes as a draft, as env.py's hooks leave them."""
        words = _words(self.wish)
        held: list[RevisionContext] = []
        changes: list[Proposed] = []
        numbers = iter(self.compared.contexts)
        loads: list[Loaded] = []

        def options(loaded: Loaded) -> dict[str, object]:
            loads.append(loaded)
            held.append(prepared(loaded, self.wish.arguments(autogenerate=True)))
            self._directives = Directives(held[0])
            return options_for(held[0])

        def look(_: ScriptDirectory, at: tuple[str, ...], context: MigrationContext) -> None:
            settle_schema(context)
            assert self._directives is not None
            one = next(numbers)
            up, down = self._both_ways(one, loads[0], at, context)
            changes.extend(up)
            self._directives.offer(at, context, [each.piece for each in up], down)

        with Session(self.scratch, self.progress, reading=True) as session:
            session.look(words, look, options)
        assert self._directives is not None
        if self.chained:
            changes.sort(key=lambda each: each.step)
            self._directives.part(chain.deploy(changes), self.wish)
        draft = drafted(self.scratch, words, self._directives, self.stack)
        return self._proposal(changes), draft

    def _both_ways(
        self, one: One, loaded: Loaded, at: tuple[str, ...], context: MigrationContext
    ) -> tuple[list[Proposed], list[Piece]]:
        """What goes into `upgrade` and `downgrade`: also what is renamed, and what plugins see."""
        wanted = [each for each in one.differences if each.operation and not is_kept(each, one)]
        renamed = renames.pieces(self.renamed, one.default)
        up, down = Changes(one, wanted, self.chained).both_ways(context)
        up = [*(change for change, _ in renamed), *up]
        alembic, untried = by_alembic(one, loaded, at, context)
        self._untried += [untried] if untried is not None else []
        more = [*foreign.changes(alembic, context)] if alembic is not None else []
        up += [each for each in more if each.code]
        down = [*(Piece("", e.undo, e.imports) for e in reversed(more) if e.undo), *down]
        down += [Piece("", piece.code) for _, piece in reversed(renamed)]
        return up, [*ways_back(up, down, chained=self.chained)]

    def _proposal(self, changes: Sequence[Proposed]) -> Proposal:
        assert self._directives is not None
        there = self._directives.kept()
        # Of several schemas, one may say `because` in the names of another.
        found = {(each.title, each.code): each for each in changes}.values()
        one = [
            (each, is_kept(each, context))
            for context in self.compared.contexts
            for each in context.differences
        ]
        name = "the history" if self.base.replayed else "the database"
        return Proposal(
            tuple(self._counted(each) for each in found if each.title in there),
            name,
            left=tuple(each for each, kept in one if not each.operation and not kept),
            kept=tuple(dict.fromkeys(each for each, kept in one if kept)),
            omitted=tuple(each.title for each in found if each.title not in there),
            uncompared=tuple(dict.fromkeys((*self.compared.uncompared, *self._untried))),
            drift=self.base.drift(),
        )

    def _counted(self, change: Proposed) -> Proposed:
        """A change with the rows that would go, as the planner of the database named sees them."""
        if not change.key or self.base.live is None:
            return change
        kind, _, name = change.key.partition(":")
        name = name.rpartition(".")[0] if kind == "drop-column" else name
        schema, table = self.compared.contexts[0].sides.key(name)
        found = self.base.live.catalog.table(table, schema)
        rows = found.rows if found is not None else None
        return change if rows is None else replace(change, rows=round(rows))

    @property
    def is_empty(self) -> bool:
        """Whether the hooks have left nothing to do."""
        return self._directives is None or self._directives.is_empty

    def places(self, draft: Draft) -> dict[str, str]:
        """Where each file is to be, as people find it from where they are."""
        assert self._directives is not None
        comparison = self._directives.comparison
        script = comparison.script_directory
        found = {}
        directories: dict[str, Path] = {}
        for directive in comparison.generated_revisions:
            if (file := draft.files.get(str(directive.rev_id))) is not None:
                before = directories.get(str(directive.head))
                directory = before or _directory(script, directive)
                directories[str(directive.rev_id)] = directory
                path = directory / file.relative_to(draft.directory)
                found[str(directive.rev_id)] = relative(path)
        return found

    def late(self, draft: Draft) -> frozenset[str]:
        """The revisions that have to wait for a deploy."""
        assert self._directives is not None
        return frozenset(filter(self._directives.is_late, draft.files))

    def remaining(self, draft: Draft, proposal: Proposal) -> tuple[Difference, ...]:
        """What would still differ once the draft has run, though nobody took it out.

        Raises where the draft fails.
        """
        project = draft.within(self.base.copy("ahead"))
        replay(project)
        after = compared(project, self.base, self.progress, _words(self.wish))
        found = [(each, one) for one in after.contexts for each in one.differences]
        self.base.server.drop_database("ahead")
        wanted = (each for each, one in found if each.operation and not is_kept(each, one))
        return tuple(each for each in wanted if title(each) not in proposal.omitted)

    def write(self, draft: Draft) -> Created:
        """Put the files where the team's revisions are, and run its hooks."""
        directives = self._directives
        assert directives is not None

        script, comparison = directives.comparison.script_directory, directives.comparison
        with alone(self.scratch, self.heads):
            created = written(script, self.scratch, lambda: [*placed(script, comparison, draft)])
        return replace(created, imported=draft.imported)


def _directory(script: ScriptDirectory, directive: MigrationScript) -> Path:
    """Where Alembic will put a file."""
    if directive.version_path:
        return Path(directive.version_path)
    locations = [Path(each) for each in script._version_locations]
    if len(locations) > 1:
        heads = script.get_revisions(directive.head or "head")
        locations = [Path(each.path).parent for each in heads if each is not None] or locations
    return locations[0]
