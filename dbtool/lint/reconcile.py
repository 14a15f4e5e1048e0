"""Replace what statements were expected to do by what was seen when they were run.

The expectation names the cause, which is what rules ask for; the measurement decides what of it
is true. Work that nobody expected is kept under a cause of its own.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from dbtool.catalog.columns import Name as CatalogName
from dbtool.lint.effect import Cause, Effect, Held, Lock, Missing, Task, Work
from dbtool.lint.effects.making import private
from dbtool.lint.schema import Name, Schema
from dbtool.observe import Failure, Observed

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_JOINED = frozenset({Cause.FOREIGN_KEY, Cause.INLINE_FOREIGN_KEY, Cause.VALIDATE})
"""Checked by a join, which leaves out one side where the other has no rows."""
_PLANNED = frozenset({Cause.ROWS_CHANGED})
"""How rows are found depends on how many there are, and here there are none."""
_NEEDS_ROWS = frozenset({Cause.ADD_NOT_NULL})


@dataclass(slots=True)
class _Facts:
    """What was seen, by table."""

    locks: dict[Name, Lock] = field(default_factory=dict)
    held: dict[Name, set[Lock]] = field(default_factory=dict)
    scanned: set[Name] = field(default_factory=set)
    rewritten: set[Name] = field(default_factory=set)
    built: set[Name] = field(default_factory=set)
    waited: bool = False

    def works(self, relation: Name) -> Iterator[Work]:
        """The kinds of work on a table, the longest first."""
        if relation in self.rewritten:
            yield Work.REWRITE
        if relation in self.built:
            yield Work.BUILD
        if relation in self.scanned:
            yield Work.SCAN

    def shows(self, task: Task) -> bool:
        """Whether the work of a task was seen, or could not have been."""
        if task.cause in _PLANNED:
            return True
        match task.work:
            case Work.WAIT:
                return self.waited
            case Work.FAIL:
                return task.if_rows
            case work:
                return work in self.works(task.relation)


def reconcile(effects: Sequence[Effect], seen: Observed, schema: Schema) -> tuple[Effect, ...]:
    """The effects of a statement's actions as measured; `schema` is the one before it.

    Of a statement that failed nothing but the error is known; the rest stays expected.
    """
    if seen.failure is not None:
        return _failed(effects, seen.failure)
    facts = _facts(seen, schema)
    measured = [_measured(effect, facts) for effect in effects]
    named = {(task.work, task.relation) for each in measured for task in each.tasks}
    claimed = {held.relation for each in measured for held in each.locks}
    last = measured[-1]
    measured[-1] = replace(
        last,
        locks=(*last.locks, *_sorted(facts, claimed)),
        tasks=(*last.tasks, *_unexpected(facts, named)),
    )
    return tuple(measured)


def _facts(seen: Observed, schema: Schema) -> _Facts:
    facts = _Facts(waited=seen.waited)
    for lock in seen.acquired:
        if name := _table(lock.relation, lock.kind, schema):
            facts.locks[name] = max(_mode(lock.mode), facts.locks.get(name, Lock.NONE))
    for lock in seen.held:
        if name := _table(lock.relation, lock.kind, schema):
            facts.held.setdefault(name, set()).add(_mode(lock.mode))
    facts.scanned = _names((scan.relation for scan in seen.scanned), schema)
    facts.rewritten = _names(seen.rewritten, schema)
    facts.built = _names((built.table for built in seen.built), schema) - _names(
        seen.emptied, schema
    )
    return facts


def _names(found: Iterable[CatalogName], schema: Schema) -> set[Name]:
    return {name for each in found if (name := _table(each, "table", schema))}


def _table(found: CatalogName, kind: str, schema: Schema) -> Name | None:
    """The table's name; None for an index or sequence, and for a table nobody else uses."""
    name = Name(found.schema, found.name)
    table = schema.tables.get(name)
    part = kind.endswith("index") or kind == "sequence"
    mine = part or (table is not None and private(table))
    return None if mine else name


def _mode(mode: str) -> Lock:
    return Lock[_CAMEL.sub("_", mode.removesuffix("Lock")).upper()]


def _measured(effect: Effect, facts: _Facts) -> Effect:
    """One action's effect: of what was expected, what was seen; what was in doubt, decided."""
    shown = [task for task in effect.tasks if facts.shows(task)]
    joined = {task.cause for task in shown if task.work is Work.SCAN} & _JOINED
    tasks = [
        task
        for task in effect.tasks
        if task in shown or (task.cause in joined and task.work is Work.SCAN)
    ]
    open_ = tuple(each for each in effect.missing if each.cause in _NEEDS_ROWS)
    decided = [_decided(each, facts) for each in effect.missing if each not in open_]
    return Effect(
        locks=tuple(held for each in effect.locks if (held := _lock(each, facts))),
        tasks=(*tasks, *(task for task in decided if task is not None)),
        missing=open_,
    )


def _decided(missing: Missing, facts: _Facts) -> Task | None:
    work = next(facts.works(missing.relation), None)
    cause = Cause.UNEXPECTED if missing.cause is Cause.OPAQUE else missing.cause
    return Task(work, missing.relation, cause) if work else None


def _lock(expected: Held, facts: _Facts) -> Held | None:
    """A mode that the transaction already held is not granted again."""
    mode = facts.locks.get(expected.relation, Lock.NONE)
    if expected.lock in facts.held.get(expected.relation, ()):
        mode = max(mode, expected.lock)
    return Held(expected.relation, mode) if mode else None


def _sorted(facts: _Facts, claimed: set[Name]) -> Iterator[Held]:
    for name in sorted(facts.locks):
        if name not in claimed:
            yield Held(name, facts.locks[name])


def _unexpected(facts: _Facts, named: set[tuple[Work, Name]]) -> Iterator[Task]:
    """Work on a table nobody can write to meanwhile, which no expectation has named."""
    expected = {relation for _, relation in named}
    for name in sorted(facts.scanned | facts.rewritten | facts.built):
        work = next(facts.works(name))
        if name not in expected and _under_lock(name, work, facts):
            yield Task(work, name, Cause.UNEXPECTED)


def _under_lock(name: Name, work: Work, facts: _Facts) -> bool:
    """Whether the statement itself keeps writers out; one that reads rows takes a lock to read."""
    held = max(facts.held.get(name, ()), default=Lock.NONE)
    if work is Work.SCAN:
        return facts.locks.get(name, held).blocks_writes
    return max(held, facts.locks.get(name, Lock.NONE)).blocks_writes


def _failed(effects: Sequence[Effect], failure: Failure) -> tuple[Effect, ...]:
    """The error in place of those expected, if it is one of them; else under a cause of its own."""
    fails = [task for each in effects for task in each.tasks if task.work is Work.FAIL]
    if any(task.code == failure.sqlstate for task in fails):
        return tuple(_certain(each, failure.sqlstate) for each in effects)
    effects = [_certain(each, failure.sqlstate) for each in effects]
    last = effects[-1]
    relation = next((held.relation for held in last.locks), Name("", ""))
    task = Task(Work.FAIL, relation, Cause.UNEXPECTED, failure.message, failure.sqlstate, seen=True)
    return (*effects[:-1], replace(last, tasks=(*last.tasks, task)))


def _certain(effect: Effect, code: str) -> Effect:
    """There are rows, since it failed; what else was expected to fail, it did not come to."""
    tasks = (
        replace(task, if_rows=False, seen=True)
        if task.work is Work.FAIL and task.code == code
        else task
        for task in effect.tasks
        if task.work is not Work.FAIL or task.if_rows or task.code == code
    )
    return replace(effect, tasks=tuple(tasks))
