"""Attribution against measured truth, beside the formula most tools use."""

import pytest

from dbtool.database.sync import SyncConnection
from tests.explain.sleepers import QUERIES, Truth, observe, ours, simple

ATTEMPTS = 20
"""A machine that stalls between two sleeps spoils one observation; a wrong rule spoils all."""


@pytest.mark.parametrize("query", QUERIES)
def test_time_is_told_where_it_was_slept(naps: SyncConnection, query: str) -> None:
    """Every node has the time its functions slept, and the slowest node is named."""
    observed: list[Truth] = []
    while len(observed) < ATTEMPTS:
        observed.append(truth := observe(naps, query))
        assert truth.slept
        own = ours(truth.plan)
        if not truth.wrong(own) and truth.names_the_slowest(own):
            break
    else:
        pytest.fail(str([(truth.slept, ours(truth.plan)) for truth in observed]))


def test_the_usual_formula_is_wrong_there(naps: SyncConnection) -> None:
    """The queries tell a right attribution from a wrong one."""
    truth = observe(naps, QUERIES[0])
    assert truth.wrong(simple(truth.plan))
