"""What `--fix` writes for the statements of the corpus leaves the schema that they would leave."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from asyncpg.exceptions import IntegrityConstraintViolationError

from dbtool.database.sync import SyncConnection
from dbtool.lint.fixing import plan
from dbtool.lint.linted import Linted
from dbtool.lint.run import lint
from dbtool.observe.baseline import dump
from dbtool.scratch.server import Server
from dbtool.sql.migration import migration
from dbtool.statement import Migration
from tests.conftest import MAJOR
from tests.lint.cases import FILES, Case, base, every_case, history, on_base, pieces

TEMPLATE = "fixing_corpus"


def judged(case: Case, text: str) -> tuple[Linted, Migration]:
    """What lint says of a script on the schema of the corpus."""
    script = migration(text, "c.sql")
    with on_base(case) as schema:
        return lint([history(case), script], schema=schema, server=MAJOR), script


def fixed(case: Case, text: str) -> tuple[str, set[str]]:
    """The script as `--fix` writes it, and for which rules."""
    linted, script = judged(case, text)
    made = plan(linted, [script], {"c.sql": text})
    return made.changes[0].after if made.changes else text, {each.rule for each in made.fixed}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A case in which something can be fixed."""

    case: Case
    old: str
    new: str
    rules: set[str]


@pytest.fixture(scope="module")
def rewritten() -> tuple[Rewritten, ...]:
    """The cases in which something can be fixed."""
    fitting = [(case, f"{case.sql};\n") for case in every_case() if case.fits(MAJOR)]
    made = (Rewritten(case, text, *fixed(case, text)) for case, text in fitting)
    return tuple(each for each in made if each.rules)


def proven(new: str) -> str:
    """What new statements prove that stays: SET NOT NULL says as much of a check as its own proof.

    A check of the team's that was not validated yet is so afterwards.
    """
    found = [each for each in pieces(new) if "VALIDATE CONSTRAINT" in each]
    names = [each.rpartition(" ")[2] for each in found]
    kept = zip(found, names, strict=True)
    return "".join(f"{sql};\n" for sql, name in kept if f"DROP CONSTRAINT {name}" not in new)


def left_by(server: Server, case: Case, text: str) -> list[str]:
    """The schema that a script leaves."""
    target = server.create_database("fixing_case", f"{TEMPLATE}_{case.base}")
    try:
        with SyncConnection(target) as connection:
            for sql in (*pieces(case.before), *pieces(text)):
                connection.execute(sql)
        return [line for line in dump(target).sql.splitlines() if not line.startswith("\\")]
    finally:
        server.drop_database("fixing_case")


@pytest.fixture(scope="module")
def corpus(server: Server) -> Iterator[Server]:
    """The server with the schemas of the corpus to clone."""
    for name in FILES:
        with SyncConnection(server.create_database(f"{TEMPLATE}_{name}")) as connection:
            for sql in base(name):
                connection.execute(sql)
    yield server
    for name in FILES:
        server.drop_database(f"{TEMPLATE}_{name}")


def test_the_rule_is_content(rewritten: tuple[Rewritten, ...]) -> None:
    """Whatever is rewritten is not found again, and is not rewritten again."""
    assert len(rewritten) > 60
    for each in rewritten:
        findings = judged(each.case, each.new)[0].findings
        left = {said.rule for said in findings if said.severity.word != "note"}
        assert not each.rules & left, each.new
        assert fixed(each.case, each.new)[0] == each.new


@pytest.mark.parametrize(
    "every", [pytest.param(15, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
def test_the_same_schema(corpus: Server, rewritten: tuple[Rewritten, ...], every: int) -> None:
    """On a real server both end in one schema, where the rows allow the first one."""
    for each in rewritten[::every]:
        try:
            old = left_by(corpus, each.case, each.old + proven(each.new))
        except IntegrityConstraintViolationError:
            continue
        assert left_by(corpus, each.case, each.new) == old, each.new
