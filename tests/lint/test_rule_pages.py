"""Each rule's page is true: its bad block shows the hazard on a real server, its good one none."""

import pytest

from dbtool.database.target import Target
from dbtool.finding import Certainty, Finding, rule_name
from dbtool.lint.measured import Measured, measure_on
from dbtool.lint.rules import OPT_IN, RULES, WHOLE_RULES
from dbtool.lint.run import Rules, lint
from dbtool.lint.schema import Schema
from dbtool.observe import Observer
from dbtool.scratch.server import Server
from dbtool.statement import Migration
from tests.conftest import MAJOR
from tests.lint.pages import Example, examples, history, migration, rules, statements

_ALL = examples()
_RUN = [each for each in _ALL if each.name != "not-read"]
"""All but those about what is not SQL before it runs; reading revisions has its own tests."""

_ONLY_MEASURED = ("fails-when-run", "hidden-blocking-work")
"""Rules about what no text shows."""

_AFTERWARDS = {
    "default-dropped-while-required": "INSERT INTO orders (total) VALUES (1)",
}
"""For hazards that show in what the running program does next: it fails after a bad block."""


def judged(
    example: Example, migrations: list[Migration], measured: Measured | None = None
) -> tuple[Finding, ...]:
    """What the rule of the page says."""
    asked = Rules(
        statement=tuple(rule for rule in (*RULES, *OPT_IN) if rule is example.rule),
        whole=tuple(rule for rule in WHOLE_RULES if rule is example.rule),
        comment=(),
    )
    known = Schema(complete=True)
    linted = lint(migrations, schema=known, server=MAJOR, rules=asked, measured=measured)
    return linted.findings


def test_every_rule_has_both_examples() -> None:
    """A page without a bad and a good block cannot be checked, one without reasons not used."""
    kinds = [(each.name, each.kind) for each in _ALL]
    for rule in rules():
        name = rule_name(rule.__name__)
        assert {kind for of, kind in kinds if of == name} == {"Bad", "Good"}, name
        assert all(word in (rule.__doc__ or "") for word in ("\nWhy:", "\nWhen:")), name


@pytest.mark.parametrize("example", _RUN, ids=str)
def test_read(example: Example) -> None:
    """Reading the block is enough to find what is bad in it, and to find nothing in the good."""
    found = judged(example, [history(), migration(example)])
    expected = example.kind == "Bad" and example.name not in _ONLY_MEASURED
    assert bool(found) == expected, found
    assert all(each.certainty is not Certainty.MEASURED for each in found)


@pytest.mark.parametrize("example", _RUN, ids=str)
def test_run(server: Server, example: Example) -> None:
    """Run on a real server the bad block does what its page says, and the good one does not."""
    migrations = [history(), migration(example)]
    measured = measure_on(server, migrations)
    found = judged(example, migrations, measured)
    assert bool(found) == (example.kind == "Bad"), (found, measured)
    if example.kind == "Good":
        assert not [each.failure for each in measured.of(migrations[1]) if each.failure]


@pytest.mark.parametrize("example", [each for each in _ALL if each.name in _AFTERWARDS], ids=str)
def test_afterwards(database: Target, example: Example) -> None:
    """What the running program does next fails after the bad block and works after the good."""
    with Observer(database) as observer:
        assert observer.replay((*history().up, *migration(example).up)) is None
        failed = observer.replay([*statements(_AFTERWARDS[example.name], 1)])
    assert bool(failed) == (example.kind == "Bad"), failed
