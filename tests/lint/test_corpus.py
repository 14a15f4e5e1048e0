"""What lint says of a statement, beside what a real server does for it."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection
from dbtool.lint.effect import Effect, Work
from dbtool.lint.run import Rules, lint
from dbtool.lint.schema import Schema
from dbtool.scratch.server import Server
from dbtool.statement import Migration, Statement
from tests.conftest import MAJOR
from tests.lint.cases import FILES, Case, base, every_case, history, on_base, pieces
from tests.lint.oracle import Measured, measure

TEMPLATE = "lint_corpus"
_SHARE_UPDATE_EXCLUSIVE = 4
_EVERY = 6
_ABOUT_ROWS = "23"
"""The class of errors that only the rows decide over."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One case: what was said, and what happened."""

    case: Case
    said: Effect
    happened: Measured

    @property
    def emptied(self) -> bool:
        """TRUNCATE and WITH NO DATA give a table new files, which is no work."""
        return self.case.sql.startswith("TRUNCATE") or self.case.sql.endswith("WITH NO DATA")

    @property
    def counts(self) -> bool:
        """Whether it ran, so that it blocked or did not."""
        return not (self.happened.error or self.case.alone or self.emptied)

    def differences(self) -> Iterator[str]:
        """Where the two do not agree."""
        failed = self.said.fails
        if self.case.quiet and not failed:
            return
        if self.happened.error.startswith(_ABOUT_ROWS) and not failed:
            return
        if (code := failed.code if failed else "") != self.happened.error:
            yield f"error: said {code or 'none'}, was {self.happened.error or 'none'}"
        if self.said.missing and not failed:
            yield f"undecided: {self.said.missing}"
        if not self.counts or failed:
            return
        if self.said.blocks != self.happened.blocks:
            yield f"blocks: said {self.said.blocks}, was {self.happened}"
        said = {held.relation.name: int(held.lock) for held in self.said.locks}
        for held in self.said.locks:
            said[held.relation.name] = max(said[held.relation.name], int(held.lock))
        strong = {
            name: mode
            for name, mode in self.happened.locks.items()
            if mode >= _SHARE_UPDATE_EXCLUSIVE
        }
        if {k: v for k, v in said.items() if v >= _SHARE_UPDATE_EXCLUSIVE} != strong:
            yield f"locks: said {said}, was {strong}"
        rewritten = {t.relation.name for t in self.said.tasks if t.work is Work.REWRITE}
        if rewritten != self.happened.rewritten:
            yield f"rewritten: said {rewritten}, was {set(self.happened.rewritten)}"


def said_of(case: Case, known: bool = True) -> Effect:
    """What lint says, with the whole history known or with none of it."""
    transaction = None if case.alone else 1
    judged = tuple(Statement(sql, transaction=transaction) for sql in (case.sets, case.sql) if sql)
    before = history(case) if known else Migration(name="1", judged=False)
    with on_base(case) if known else nullcontext(Schema()) as schema:
        linted = lint(
            [before, Migration(name="2", up=judged)],
            schema=schema,
            server=MAJOR,
            rules=Rules(statement=(), whole=()),
        )
    steps = linted.outcomes[0].verdicts[-1].steps
    return Effect(
        tuple(held for step in steps for held in step.effect.locks),
        tuple(task for step in steps for task in step.effect.tasks),
        tuple(missing for step in steps for missing in step.effect.missing),
    )


@pytest.fixture(scope="module")
def templates(server: Server) -> dict[str, str]:
    """A database with each schema of the corpus and a few rows; they are only cloned."""
    for name in FILES:
        with SyncConnection(server.create_database(f"{TEMPLATE}_{name}")) as connection:
            for sql in base(name):
                connection.execute(sql)
    return {name: f"{TEMPLATE}_{name}" for name in FILES}


@pytest.fixture(scope="module")
def compared(server: Server, templates: dict[str, str]) -> tuple[Compared, ...]:
    """The cases of this version; of those that need a database each, a part."""
    return tuple(
        each
        for name in FILES
        for each in _on(server, name, templates[name], 1 if name == "base" else _EVERY)
    )


def _on(server: Server, name: str, template: str, every: int = 1) -> Iterator[Compared]:
    """The cases on one schema."""
    fitting = [each for each in every_case() if each.base == name and each.fits(MAJOR)]
    apart = [each for each in fitting if each.before or each.alone]
    left_out = {*apart} - {*apart[::every]}
    shared = server.create_database("lint_shared", template)
    with SyncConnection(shared) as connection:
        for case in fitting:
            if case in left_out:
                continue
            if case.before or case.alone:
                happened = _apart(server, template, case)
            else:
                happened = measure(connection, case.sql, case.sets)
            yield Compared(case, said_of(case), happened)
    server.drop_database(shared.database)


def _apart(server: Server, template: str, case: Case) -> Measured:
    """Run a case in a database of its own."""
    target = server.create_database("lint_apart", template)
    try:
        with SyncConnection(target) as connection:
            for sql in pieces(case.before):
                connection.execute(sql)
            return _alone(connection, case.sql) if case.alone else _within(connection, case)
    finally:
        server.drop_database(target.database)


def _within(connection: SyncConnection, case: Case) -> Measured:
    return measure(connection, case.sql, case.sets)


def _alone(connection: SyncConnection, sql: str) -> Measured:
    try:
        connection.execute(sql)
    except PostgresError as error:
        return Measured.failed(error)
    return Measured()


def test_the_corpus_is_large_enough(compared: tuple[Compared, ...]) -> None:
    """There are enough statements that block, and enough that do not, to judge by."""
    counted = [each for each in compared if each.counts]
    assert len(compared) >= 1000
    assert sum(each.happened.blocks for each in counted) >= 350
    assert sum(not each.happened.blocks for each in counted) >= 600


def test_what_blocks_is_found_and_what_does_not_is_left_alone(
    compared: tuple[Compared, ...],
) -> None:
    """Nearly every blocking statement is found, and hardly a harmless one is called so."""
    counted = [each for each in compared if each.counts]
    blocking = [each for each in counted if each.happened.blocks]
    harmless = [each for each in counted if not each.happened.blocks]
    missed = [str(each.case) for each in blocking if not each.said.blocks]
    alarmed = [str(each.case) for each in harmless if each.said.blocks]
    assert len(missed) <= 0.03 * len(blocking), missed
    assert len(alarmed) <= 0.05 * len(harmless), alarmed


def test_without_a_schema_nothing_is_passed_over(compared: tuple[Compared, ...]) -> None:
    """Of a statement alone either the verdict is right or it says what would decide it."""
    alone = [
        (each, said_of(each.case, known=False))
        for each in compared
        if each.counts and not each.case.before
    ]
    silent = [
        str(each.case)
        for each, said in alone
        if each.happened.blocks and not said.blocks and not said.missing
    ]
    harmless = [(each, said) for each, said in alone if not each.happened.blocks]
    alarmed = [str(each.case) for each, said in harmless if said.blocks]
    assert silent == []
    assert len(alarmed) <= 0.05 * len(harmless), alarmed


def test_locks_rewrites_and_errors_are_those_of_the_server(
    compared: tuple[Compared, ...],
) -> None:
    """Strong locks, rewritten tables and SQLSTATEs are the very ones the server shows."""
    assert _differing(compared) == {}


def _differing(compared: Iterable[Compared]) -> dict[str, tuple[str, ...]]:
    found = {str(each.case): tuple(each.differences()) for each in compared}
    return {case: differences for case, differences in found.items() if differences}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FILES if name != "base"])
def test_all_cases_of_the_other_schemas(
    server: Server, templates: dict[str, str], name: str
) -> None:
    """The same of every case that needs a database of its own."""
    assert _differing(_on(server, name, templates[name])) == {}
