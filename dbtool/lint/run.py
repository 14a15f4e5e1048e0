"""Replay migrations in order and put every statement to be judged before the rules."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from dbtool.finding import Certainty, Finding, Unknown, rule_name
from dbtool.lint.actions import Action, CreateTable, CreateTableAs, DoBlock, Rename
from dbtool.lint.afterwards import settled
from dbtool.lint.allow import allowances
from dbtool.lint.course import course
from dbtool.lint.effects import State, absent, passes_by, references, refusals
from dbtool.lint.linted import Linted as Linted
from dbtool.lint.linted import Outcome, Verdict
from dbtool.lint.plainly import in_words
from dbtool.lint.read import Read, read_all
from dbtool.lint.replay import apply
from dbtool.lint.rules import OPT_IN
from dbtool.lint.schema import Name, Schema
from dbtool.lint.select import ALL as ALL
from dbtool.lint.select import Rules as Rules
from dbtool.lint.settled import Permit
from dbtool.lint.steps import possible, remember, steps_of
from dbtool.lint.subject import (
    Done,
    Judged,
    Session,
    StatementRule,
    Step,
    Subject,
    Whole,
)
from dbtool.lint.values import replace
from dbtool.statement import Migration, Statement

if TYPE_CHECKING:
    from dbtool.lint.measured import Measured
    from dbtool.observe import Observed


_STYLE = frozenset(rule_name(each.__name__) for each in OPT_IN)


def lint(
    migrations: Iterable[Migration],
    *,
    schema: Schema | None = None,
    server: int = 18,
    rules: Rules | None = None,
    measured: "Measured | None" = None,
) -> Linted:
    """Judge the migrations marked so; the others only lead to the state these are judged in.

    `schema` is what is known before the first one: a complete empty one where the migrations
    begin with an empty database, nothing where nobody knows what was before. What was measured
    of a statement takes the place of what is expected of it.
    """
    known = schema if schema is not None else Schema()
    complete = known.complete
    linters: dict[str, _Linter] = {}
    outcomes: list[Outcome] = []
    schemas: list[Schema] = []
    replayed = 0
    for migration in migrations:
        database = migration.database
        if database not in linters:
            start = Schema(complete=complete) if linters else known
            linters[database] = _Linter(start, server, rules or Rules(), measured)
        linter = linters[database]
        if migration.judged:
            outcomes.append(linter.judge(migration))
            schemas.append(linter.schema)
        else:
            linter.replay(migration)
            replayed += 1
    return Linted(settled(outcomes, schemas), replayed, server)


class _Linter:
    def __init__(
        self, schema: Schema, server: int, rules: Rules, measured: "Measured | None" = None
    ) -> None:
        self.schema = schema
        self.measured = measured
        self.server = server
        self.rules = rules
        self._asked = rules.by_action
        self._together: dict[tuple[type, ...], tuple[StatementRule, ...]] = {}
        self._names = rules.names
        self._known = ALL.names
        self._begun = False

    def replay(self, migration: Migration) -> None:
        self.schema.judging = False
        self._apply(migration)
        self._close(migration)

    def _apply(self, migration: Migration) -> None:
        read = read_all([statement.sql for statement in migration.up])
        for statement, actions in zip(migration.up, read, strict=True):
            self._follow(statement, actions)

    def _follow(self, statement: Statement, actions: Read, doubting: bool = True) -> None:
        """Let a statement change the catalog; what a branch decides over, where that can be."""
        for place in actions.turns:
            if place not in actions.maybe:
                if self._is_left(actions[place]):
                    continue
                if doubting:
                    self._doubt(statement, actions[place])
                if not passes_by(actions[place], self.schema, statement.sql):
                    apply(self.schema, actions[place], statement.sql)
            elif possible(actions[place], self._state(statement)):
                apply(self.schema, actions[place], statement.sql)

    def _is_left(self, action: Action) -> bool:
        """Whether it changes what an earlier session made as temporary, and nothing else."""
        name: Name | None = getattr(action, "table", None)
        if name is None or name.schema or name.name not in self.schema.left:
            return False
        made = isinstance(action, CreateTable | CreateTableAs)
        return not made and self.schema.table(name) is None and self.schema.view(name) is None

    def _state(self, statement: Statement) -> State:
        return State(self.schema, Session(in_transaction=True), self.server, statement.sql)

    def _look_ahead(self, migration: Migration) -> None:
        """See whether the first migration of all stands on tables that were there before."""
        self.schema.begin()
        self._apply(migration)
        complete = self.schema.complete
        self.schema.undo()
        self.schema.complete = complete

    def _doubt(self, statement: Statement, action: Action) -> None:
        """A history that changes what it never made did not begin with an empty database."""
        if not self.schema.complete:
            return
        state = State(self.schema, Session(), self.server, statement.sql)
        missing = absent(action, state)
        gone = missing is not None and bool(missing.tasks)
        if isinstance(action, Rename) and action.kind == "table":
            gone = any(each.code == "42P01" for each in refusals(action, state))
        self.schema.complete = not gone and all(map(self._stands, references(action)))

    def _stands(self, name: Name) -> bool:
        """Whether a table that is referred to exists."""
        return self.schema.table(name) is not None

    def _close(self, migration: Migration) -> None:
        """What could not be read may have made anything; the next one may have another session."""
        if migration.gaps:
            self._lose_track()
        self.schema.leave_session()
        self.schema.search_path = ("public",)
        self._begun = self._begun or bool(migration.up)

    def _lose_track(self) -> None:
        self.schema.complete = False
        self.schema.doubted = True
        self.schema.unread = True

    def judge(self, migration: Migration) -> Outcome:
        self.schema.judging = True
        if not self._begun and self.schema.complete:
            self._look_ahead(migration)
        permit = Permit(allowances(migration))
        verdicts = [*self._way(migration, migration.up, "up", permit)]
        judged = [Judged(statement=each.statement, steps=each.steps) for each in verdicts]
        if migration.down is not None:
            judged += self._down(migration, migration.down)
        whole = Whole(
            migration=migration,
            statements=tuple(judged),
            schema=self.schema,
            server=self.server,
            kinds=frozenset([type(step.action) for each in judged for step in each.steps]),
        )
        said = [*permit.whole(said for rule in self.rules.whole for said in rule.check(whole))]
        for comment in permit.comments(self._names, self._known, certain=not migration.gaps):
            said += [each for rule in self.rules.comment for each in rule.check(comment)]
        allowed = tuple(permit.allowed)
        self._close(migration)
        return Outcome(
            migration.name,
            migration.file,
            tuple(verdicts),
            *_parted(said),
            allowed=allowed,
            read=not migration.gaps,
        )

    def _down(self, migration: Migration, statements: Sequence[Statement]) -> list[Judged]:
        """The way down is judged as a whole only, and leaves no trace."""
        self.schema.begin()
        verdicts = [*self._way(migration, statements, "down", Permit(()))]
        self.schema.undo()
        return [Judged(statement=each.statement, steps=each.steps, way="down") for each in verdicts]

    def _way(
        self,
        migration: Migration,
        statements: Sequence[Statement],
        way: Literal["up", "down"],
        permit: Permit,
    ) -> Iterator[Verdict]:
        transaction: int | None = None
        read = read_all([statement.sql for statement in statements])
        session = Session(renamed=_renamed(read))
        whole = course(statements, read)
        seen = self.measured.of(migration) if self.measured and way == "up" else ()
        for number, (statement, actions) in enumerate(zip(statements, read, strict=True)):
            alone = statement.transaction is None and not session.explicit
            if alone or statement.transaction != transaction:
                session.begin(statement.transaction is not None)
            transaction = statement.transaction
            if migration.gaps and _behind_gap(
                statement, migration, number if way == "up" else None
            ):
                self._lose_track()
            state = State(self.schema, session, self.server, statement.sql)
            steps = steps_of(actions, state)
            ran = bool(seen) and seen[number].ran
            if ran:
                steps = _as_measured(steps, seen[number], self.schema)
            said: list[Finding | Unknown] = []
            if way == "up":
                subject = Subject(
                    statement=statement,
                    steps=steps,
                    schema=self.schema,
                    session=session,
                    migration=migration,
                    course=whole,
                    number=number,
                    server=self.server,
                )
                sure = ran and seen[number].failure is None
                told = [
                    _said_of(each, subject, sure)
                    for rule in self._asking(steps)
                    for each in rule.check(subject)
                ]
                said = [*permit.statement(told, statement.line)]
            self._follow(statement, actions, doubting=way == "up")
            remember(session, Done(statement, steps))
            yield Verdict(statement, steps, in_words(steps), *_parted(said))

    def _asking(self, steps: tuple[Step, ...]) -> tuple[StatementRule, ...]:
        """The rules about what a statement does."""
        kinds = tuple([type(step.action) for step in steps])
        if kinds not in self._together:
            rules = (rule for kind in kinds for rule in self._asked.get(kind, ()))
            self._together[kinds] = tuple(dict.fromkeys(rules))
        return self._together[kinds]


def _behind_gap(statement: Statement, migration: Migration, number: int | None) -> bool:
    """Whether something that may run before it could not be read."""
    if statement.file != migration.file:
        return True
    return any(
        gap.line <= statement.line if gap.after is None or number is None else gap.after <= number
        for gap in migration.gaps
    )


def _renamed(read: Sequence[Read]) -> frozenset[tuple[str, str]]:
    """The tables and the names that columns of theirs get."""
    found = (action for actions in read for action in actions if isinstance(action, Rename))
    return frozenset((each.name.name, each.to) for each in found if each.kind == "column")


def _as_measured(steps: tuple[Step, ...], seen: "Observed", schema: Schema) -> tuple[Step, ...]:
    from dbtool.lint.measured import as_measured

    return as_measured(steps, seen, schema)


def _said_of(said: Finding | Unknown, subject: Subject, sure: bool) -> Finding | Unknown:
    """A finding about work that was seen is a measured one; others rest on what they rested on.

    What a branch of a block decides over is not proven.
    """
    if isinstance(said, Unknown):
        return replace(said, location=said.location or subject.location)
    if not sure and said.certainty is Certainty.PROVEN and _branches(subject):
        return replace(said, certainty=Certainty.HEURISTIC)
    if not sure or said.rule in _STYLE:
        return said
    works = any(step.effect.tasks for step in subject.steps)
    return replace(said, certainty=Certainty.MEASURED) if works else said


def _branches(subject: Subject) -> bool:
    return any(isinstance(step.action, DoBlock) and step.action.maybe for step in subject.steps)


def _parted(
    said: Iterable[Finding | Unknown],
) -> tuple[tuple[Finding, ...], tuple[Unknown, ...]]:
    findings, unknowns = [], []
    for each in said:
        if isinstance(each, Finding):
            findings.append(each)
        else:
            unknowns.append(each)
    return tuple(findings), tuple(unknowns)
