"""What a rule is given: a statement, what it does, and all that is known before it runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from dbtool.finding import Finding, Location, Unknown
from dbtool.lint.actions import Action, AddEnumValue
from dbtool.lint.allow import Comment
from dbtool.lint.course import Course
from dbtool.lint.effect import Cause, Effect, Lock, Missing, Task
from dbtool.lint.schema import Name, Schema, Table
from dbtool.lint.values import replace, value
from dbtool.statement import Migration, Statement

A = TypeVar("A")


@value()
class Step:
    """One action of a statement and what it does; ALTER TABLE may have several."""

    action: Action
    effect: Effect


@value()
class Done:
    """A statement that ran before in the same transaction."""

    statement: Statement
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Session:
    """What a statement finds set up: the transaction it runs in, locks held, settings.

    `held` names the strongest lock on each relation that others may be using, and the
    statement that took it; `exclusive` has those that nobody can even read. `settings` are the
    SETs of this migration, by lower-case name; `renamed` are the tables and names that columns
    get anywhere in it.
    """

    in_transaction: bool = False
    before: list[Done] = field(default_factory=list)
    held: dict[Name, tuple[Lock, Statement]] = field(default_factory=dict)
    exclusive: dict[Name, Statement] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    new_labels: dict[str, Name] = field(default_factory=dict)
    local: dict[str, str | None] = field(default_factory=dict)
    renamed: frozenset[tuple[str, str]] = frozenset()
    explicit: bool = False

    def begin(self, transaction: bool, explicit: bool = False) -> None:
        """Nothing before is held any more; what follows is in a transaction, or is not.

        An `explicit` one was begun by the text itself and lasts until the text ends it.
        """
        self.explicit = explicit
        self.in_transaction = transaction
        if self.before or self.held:
            self.before = []
            self.held = {}
            self.exclusive = {}
            self.new_labels = {}
        for name, before in self.local.items():
            self._put(name, before)
        if self.local:
            self.local = {}

    def trial(self) -> "Session":
        """A copy to try the parts of a statement on."""
        return replace(
            self,
            before=[*self.before],
            held={**self.held},
            exclusive={**self.exclusive},
            settings={**self.settings},
            new_labels={**self.new_labels},
            local={**self.local},
        )

    def set(self, name: str, value: str, local: bool) -> None:
        """SET, or SET LOCAL, which ends with the transaction and does nothing outside of one."""
        if local and not self.in_transaction:
            return
        if local:
            self.local.setdefault(name, self.settings.get(name))
        else:
            self.local.pop(name, None)
        self._put(name, value)

    def _put(self, name: str, value: str | None) -> None:
        if value is None:
            self.settings.pop(name, None)
        else:
            self.settings[name] = value

    def remember(self, done: Done) -> None:
        """Keep what a statement holds until its transaction ends."""
        if not self.in_transaction:
            return
        self.before.append(done)
        for step in done.steps:
            if isinstance(step.action, AddEnumValue) and not step.effect.idle:
                self.new_labels[step.action.label] = step.action.type
            self.hold(step, done.statement)

    def hold(self, step: Step, statement: Statement) -> None:
        """Keep the locks of a step."""
        for held in step.effect.locks:
            before = self.held.get(held.relation)
            if before is None or before[0] < held.lock:
                self.held[held.relation] = (held.lock, statement)
                if held.lock.blocks_reads:
                    self.exclusive[held.relation] = statement


@value(kw_only=True)
class Subject:
    """One statement before a rule. Everything in it is as of before the statement.

    `schema` and the sequences of `session` go on changing after the rule has returned: a rule
    takes what it needs and keeps no reference. `server` is the major version judged for,
    `number` the statement's place in the `course` of the migration.
    """

    statement: Statement
    steps: tuple[Step, ...]
    schema: Schema
    session: Session
    migration: Migration
    course: Course
    number: int
    way: Literal["up", "down"] = "up"
    server: int = 18

    def tasks(self, *causes: Cause) -> Iterator[tuple[Step, Task]]:
        """The work the statement does for one of the causes, with the step that does it."""
        for step in self.steps:
            for task in step.effect.tasks:
                if task.cause in causes:
                    yield step, task

    def undecided(self, *causes: Cause) -> Iterator[tuple[Step, Missing]]:
        """What is missing for a verdict on one of the causes."""
        for step in self.steps:
            for missing in step.effect.missing:
                if missing.cause in causes:
                    yield step, missing

    def actions(self, kind: type[A]) -> Iterator[tuple[A, Effect]]:
        """The actions of one kind that do something, with their effects."""
        for step in self.steps:
            if isinstance(step.action, kind) and not step.effect.idle:
                yield step.action, step.effect

    @property
    def before(self) -> Sequence[Done]:
        """The statements that ran before in the same transaction."""
        return self.session.before

    @property
    def held(self) -> Mapping[Name, tuple[Lock, Statement]]:
        """The locks that earlier statements of the transaction still hold."""
        return self.session.held

    @property
    def location(self) -> Location:
        """Where the statement is."""
        return Location(
            self.statement.file or None,
            self.statement.line or None,
            self.statement.revision or None,
        )

    def table(self, name: Name) -> Table | None:
        """What is known of a table."""
        return self.schema.table(name)

    def shown(self, name: Name) -> str:
        """A relation's name as the team writes it: without the schema that goes without saying."""
        path = self.schema.search_path[:1]
        return name.name if name.schema in ("", *path) else str(name)

    def is_new(self, name: Name) -> bool:
        """Whether the table was created by what is judged: no one can be waiting for it."""
        return self.schema.is_new(name)


@value(kw_only=True)
class Judged:
    """One statement after the replay, for rules that look at a whole migration."""

    statement: Statement
    steps: tuple[Step, ...]
    way: Literal["up", "down"] = "up"


@value(kw_only=True)
class Whole:
    """A whole migration before a rule; `schema` is the one after its way up.

    `kinds` are those of the actions in it: most rules are about one that few migrations have.
    """

    migration: Migration
    statements: tuple[Judged, ...]
    schema: Schema
    server: int = 18
    kinds: frozenset[type]


class StatementRule(Protocol):
    """A module that judges one statement; it is asked about statements with one of `ACTIONS`."""

    __doc__: str | None

    @property
    def __name__(self) -> str: ...

    @property
    def ACTIONS(self) -> tuple[type, ...]:  # noqa: N802 - a constant of a module
        """The kinds of action it judges."""

    def check(self, subject: Subject, /) -> Iterable[Finding | Unknown]:
        """Judge one statement."""


class WholeRule(Protocol):
    """A module that judges a migration as a whole, with its way down where that was read."""

    __doc__: str | None

    @property
    def __name__(self) -> str: ...

    def check(self, whole: Whole, /) -> Iterable[Finding | Unknown]:
        """Judge one migration."""


class CommentRule(Protocol):
    """A module that judges one comment that allows rules, after all others have judged."""

    __doc__: str | None

    @property
    def __name__(self) -> str: ...

    def check(self, comment: Comment, /) -> Iterable[Finding]:
        """Judge one comment."""
