"""Projects whose env.py migrates several databases: each of them is a run of its own.

The pattern is that of Alembic's multidb template: an option `databases` lists names, and env.py
goes through them. dbtool runs the same env.py once for each name, with that name alone in the
option, so that each database is proven, locked and recorded like any other.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from dbtool.errors import DbtoolError, OperationError
from dbtool.guard import Action, Consent, Permission
from dbtool.migrate.location import script_directory
from dbtool.migrate.project import Project
from dbtool.migrate.ranges import in_steps
from dbtool.ports import Progress, Value
from dbtool.report import listed

if TYPE_CHECKING:
    from dbtool.migrate.command import Command
    from dbtool.migrate.record import Record
    from dbtool.migrate.session import Plan, Session

OPTION = "databases"


@dataclass(frozen=True, slots=True)
class Database:
    """What a command found or did in one of the databases."""

    name: str
    result: object


@dataclass(frozen=True, slots=True)
class Databases:
    """What a command found or did, database by database."""

    databases: tuple[Database, ...]


class Part(NamedTuple):
    """One of the databases, and the project as it is for that one alone."""

    name: str
    project: Project


def parts(project: Project) -> tuple[Part, ...]:
    """The project for each of its databases; nothing where it has one, as most have.

    Where one is named, or an -x argument picks one, it is a run of that one alone; the second
    that env.py asks for all the same is refused.
    """
    text = project.place.options.get(OPTION)
    if not isinstance(text, str) or project.only is not None or project.target is not None:
        return ()
    names = tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", text))))
    if len(names) < 2 or _picks_one(project, names) or not _asks_for_names(project):
        return ()
    return tuple(Part(name, replace(project, only=name)) for name in names)


def _asks_for_names(project: Project) -> bool:
    """Whether the source of env.py reads the option, so that one name leads it to one database."""
    return any(
        isinstance(each, ast.Constant) and each.value == OPTION for each in _source_of(project)
    )


def _commits_in_two_phases(project: Project) -> bool:
    """Whether env.py prepares all databases before it commits any, as the template may."""
    for each in _source_of(project):
        match each:
            case ast.Assign([ast.Name("USE_TWOPHASE")], ast.Constant(True)):
                return True
    return False


def _source_of(project: Project) -> Iterator[ast.AST]:
    """Every node of the source of env.py; none where it cannot be read."""
    directory = script_directory(project.place)
    if directory is None:
        return
    try:
        tree = ast.parse((directory / "env.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    yield from ast.walk(tree)


def _picks_one(project: Project, names: Sequence[str]) -> bool:
    """Whether an -x argument names one of them, which is how some env.py are told."""
    values = {word for each in project.x for word in (each, each.partition("=")[2])}
    return not values.isdisjoint(names)


@dataclass(frozen=True, slots=True)
class Named:
    """A Progress that says which database it is about."""

    progress: Progress
    name: str

    def step(self, text: str) -> None:
        """Begin a stage that may take a while."""
        self.progress.step(f"{self.name}: {text}")

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:
        """Say how far the current stage is."""
        self.progress.advance(done, total, unit)

    def note(self, text: str) -> None:
        """Say something worth knowing."""
        self.progress.note(f"{self.name}: {text}")

    def log(self, event: str, fields: Mapping[str, Value]) -> bool:
        """Write an event."""
        return self.progress.log(event, {"database": self.name, **fields})


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done in every database, and what stands above the question whether to do it.

    `losing` is what was said there to be lost, None where nobody was asked.
    """

    command: "Command"
    action: Action
    permission: Permission
    lines: "Plan"
    losing: Callable[[], frozenset[str] | None] = lambda: None


Wishing = Callable[[Part], Wish]


class Agreed(NamedTuple):
    """One of the databases as it was seen, and how it may be changed."""

    name: str
    project: Project
    stood: str
    permission: Permission


def agree(parts: Sequence[Part], wishing: Wishing, progress: Progress) -> tuple[Agreed, ...]:
    """Look at every database, and ask whoever has to be asked, before the first is changed.

    Two names for one version table are refused.
    """
    from dbtool.migrate.session import Session

    if _commits_in_two_phases(parts[0].project):
        progress.note(
            "env.py commits in two phases (USE_TWOPHASE), for which each server needs"
            " max_prepared_transactions; each database is a run of its own here, so one that"
            " fails takes nothing back in those before it"
        )
    with ExitStack() as stack:
        looked: list[_Looked] = []
        for part in parts:
            wish = wishing(part)
            with naming(part.name):
                session = stack.enter_context(Session(part.project, Named(progress, part.name)))
                found = _Looked(part.name, session, wish, session.survey(wish.command))
            for other in looked:
                _refuse_same(other, found)
            looked.append(found)
        for each in looked:
            if each.record.planned or each.wish.command.always:
                each.ask()
        return tuple(each.agreed for each in looked)


@dataclass(frozen=True, slots=True)
class _Looked:
    name: str
    session: "Session"
    wish: Wish
    record: "Record"

    def ask(self) -> None:
        """Return where it may run; raises UsageError where it may not."""
        permission = replace(self.wish.permission, consent=self._consent)
        with naming(self.name):
            lines = self.wish.lines(self.session, self.record)
            self.session.permit(self.wish.action, permission, lines)

    @property
    def _consent(self) -> Consent:
        """Several names may be confirmed at once; each database asks for its own."""
        given, name = self.wish.permission.consent, self.session.target.database
        confirmed = [each.strip() for each in (given.confirm_database or "").split(",")]
        return replace(given, confirm_database=name) if name in confirmed else given

    @property
    def agreed(self) -> Agreed:
        """What was agreed to, for the run that follows."""
        from dbtool.migrate.state import shown

        asked, losing = self.record.asked, self.wish.losing()
        project = replace(self.session.project, agreed=asked, losing=losing)
        consent = Consent(yes=True, confirm_database=self.session.target.database)
        return Agreed(self.name, project, shown(self.record.before), Permission(consent))


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Let an error say which database it is about."""
    try:
        yield
    except DbtoolError as error:
        error.message = f"{name}: {error.message}"
        raise


def _refuse_same(one: _Looked, other: _Looked) -> None:
    """A lock that is seen proves one database, by whatever address; a second run finds nothing."""
    holder = one.session.watch.holder
    tables = {each.shown for each in one.record.tables} & {
        each.shown for each in other.record.tables
    }
    if holder is None or not tables:
        return
    (seen,) = other.session.connection.fetch(holder.question)
    if seen[1] == holder.backend and seen[2]:
        raise OperationError(
            f"{one.name} and {other.name} are one database, with one version table",
            detail=f"Both lead to {one.session.target.shown} and {', '.join(sorted(tables))}."
            " What one of them records would be taken for the other's. Nothing was changed.",
            hint="Give each a database of its own, or a version table of its own.",
        )


@dataclass(slots=True)
class Ledger:
    """What became of each database, in words, for the error that ends a run in the middle.

    `revision` is where all of them are to stand, as it was given.
    """

    stood: dict[str, str]
    revision: str = ""
    done: dict[str, str] = field(default_factory=dict)
    found: dict[str, object] = field(default_factory=dict)

    def ended(self, name: str, error: DbtoolError) -> DbtoolError:
        """The error of one database with the state of all the others."""
        left = [each for each in self.stood if each not in self.done and each != name]
        lines = [f"{each}: {said}." for each, said in self.done.items()]
        lines += [f"{each}: not begun, at {self.stood[each]}." for each in left]
        detail = "\n".join((error.detail, *lines)).strip()
        hint = f"{error.hint}\n{self._again}".strip()
        told = type(error)(f"{name}: {error.message}", detail=detail, hint=hint)
        found = {**self.found, name: error.done}
        told.done = Databases(tuple(Database(key, each) for key, each in found.items() if each))
        return told

    @property
    def _again(self) -> str:
        """A number of steps leads further each time it is run."""
        if not self.done or not in_steps(self.revision):
            return ""
        return (
            f"Run again, {self.revision} would lead {listed(list(self.done))} further than the"
            " others: name the revision at which all of them shall stand."
        )
