"""What a measured lint says of the corpus is what the server does, whatever the replay knows."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.lint.effect import Effect, Work
from dbtool.lint.measured import Measured
from dbtool.lint.run import Rules, lint
from dbtool.lint.schema import Schema
from dbtool.observe import Observed, Observer
from dbtool.scratch.server import Server
from dbtool.statement import Migration, Statement
from tests.conftest import MAJOR
from tests.lint import oracle
from tests.lint.cases import Case, base, cases, pieces

_TEMPLATE = "measured_corpus"
_EVERY = 8
_SHARE = 5


@dataclass(frozen=True, slots=True)
class Tried:
    """One case: what happened, and what was observed of the same in another way."""

    case: Case
    happened: oracle.Measured
    observed: tuple[Observed, ...]

    @property
    def judged(self) -> tuple[Statement, ...]:
        """The statements of the case, with what is set before it."""
        return _statements(self.case)


def _statements(case: Case) -> tuple[Statement, ...]:
    transaction = None if case.alone else 1
    return tuple(Statement(sql, transaction=transaction) for sql in (case.sets, case.sql) if sql)


def _tried(server: Server, every: int) -> Iterator[Tried]:
    with SyncConnection(server.create_database(_TEMPLATE)) as connection:
        for sql in base():
            connection.execute(sql)
    fitting = [each for each in (*cases(), *cases("twisted.sql")) if each.fits(MAJOR)]
    for case in fitting[::every]:
        target = server.create_database("measured_case", _TEMPLATE)
        with SyncConnection(target) as connection:
            for sql in pieces(case.before):
                connection.execute(sql)
            happened = oracle.measure(connection, case.sql, case.sets)
        with Observer(target) as observer:
            observer.mark()
            observed = observer.observe(_statements(case))
        yield Tried(case, happened, observed)
        server.drop_database("measured_case")
    server.drop_database(_TEMPLATE)


def said(tried: Tried, *, known: bool) -> Effect:
    """What lint makes of it, with the history of the corpus or with nothing known before."""
    history = [*base(), *pieces(tried.case.before)] if known else []
    before = Migration(name="1", up=tuple(map(Statement, history)), judged=False)
    linted = lint(
        [before, Migration(name="2", up=tried.judged)],
        schema=Schema(complete=known),
        server=MAJOR,
        rules=Rules(statement=(), whole=(), comment=()),
        measured=Measured(MAJOR, {("", "2"): tried.observed}),
    )
    steps = linted.outcomes[0].verdicts[-1].steps
    return Effect(
        tuple(held for step in steps for held in step.effect.locks),
        tuple(task for step in steps for task in step.effect.tasks),
        tuple(missing for step in steps for missing in step.effect.missing),
    )


def differences(tried: Tried, *, known: bool) -> Iterator[str]:
    """Where what is said and what happened do not agree."""
    effect, happened = said(tried, known=known), tried.happened
    fails = [task for task in effect.tasks if task.work is Work.FAIL and not task.if_rows]
    if tried.case.alone:
        error = tried.observed[-1].failure
        happened = oracle.Measured(error=error.sqlstate if error else "")
    codes = {task.code for task in fails}
    if codes != ({happened.error} if happened.error else set()):
        yield f"error: said {codes}, was {happened.error or 'none'}"
    if happened.error or tried.case.alone or tried.case.sql.startswith("TRUNCATE"):
        return
    if effect.blocks != happened.blocks:
        yield f"blocks: said {effect}, was {happened}, observed {tried.observed[-1]}"
    strong = {name: mode for name, mode in happened.locks.items() if mode >= _SHARE}
    views = {lock.relation.name for lock in tried.observed[-1].acquired if lock.kind == "view"}
    locks = {
        held.relation.name: int(held.lock) for held in effect.locks if int(held.lock) >= _SHARE
    }
    if {name: mode for name, mode in locks.items() if name not in views} != strong:
        yield f"locks: said {locks}, was {strong}"


@pytest.mark.parametrize(
    "every", [_EVERY, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_a_measured_verdict_is_what_the_server_does(server: Server, every: int) -> None:
    """Every blocking statement is found, no other is called so, with and without a history."""
    differ = {}
    for tried in _tried(server, every):
        for known in (True, False):
            if found := [*differences(tried, known=known)]:
                differ[f"{tried.case} (known: {known})"] = found
    assert differ == {}
