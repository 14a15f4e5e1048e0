"""Each rule's page is true: its bad block shows the hazard on a real server, its good one none."""

from collections.abc import Iterable

import pytest

from dbtool.database.target import Target
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.measured import Measured, measure_on
from dbtool.lint.rules import OPT_IN, RULES, WHOLE_RULES
from dbtool.lint.run import Rules, lint
from dbtool.lint.schema import Schema
from dbtool.observe import Observed, Observer
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


_NO_WORK = ("table-truncated", "column-recreated")
"""Rules about rows that are lost; nobody waits for that."""
_OTHER_WORK = ("lock-held-during-work", "unnamed-constraint-dropped")
"""Rules about what is locked beside the work, or about the way down: the work stays what it is."""

_BLOCKING = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


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


def hazards(seen: Iterable[Observed]) -> list[str]:
    """What the server itself shows: errors, and tables at work while writers wait."""
    found = []
    for each in seen:
        if each.failure is not None:
            found.append(f"{each.statement.sql}: {each.failure}")
        worked = {scan.relation for scan in each.scanned} | {*each.rewritten}
        worked |= {built.table for built in each.built}
        for lock in (*each.acquired, *each.held):
            if lock.relation in worked and lock.mode in _BLOCKING:
                found.append(f"{each.statement.sql}: {lock.mode} on {lock.relation}")
    return found


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
    seen = measured.of(migrations[1])
    if example.kind == "Bad":
        assert hazards(seen) or not _is_error(example) or example.name in _NO_WORK
    else:
        assert not [each.failure for each in seen if each.failure]
        assert not hazards(seen) or not _is_error(example) or example.name in _OTHER_WORK


def _is_error(example: Example) -> bool:
    """Whether what the rule finds in its bad block is an error."""
    bad = next(each for each in _ALL if each.name == example.name and each.kind == "Bad")
    found = judged(bad, [history(), migration(bad)])
    return any(each.severity is Severity.ERROR for each in found)


@pytest.mark.parametrize("example", [each for each in _ALL if each.name in _AFTERWARDS], ids=str)
def test_afterwards(database: Target, example: Example) -> None:
    """What the running program does next fails after the bad block and works after the good."""
    with Observer(database) as observer:
        assert observer.replay((*history().up, *migration(example).up)) is None
        failed = observer.replay([*statements(_AFTERWARDS[example.name], 1)])
    assert bool(failed) == (example.kind == "Bad"), failed
