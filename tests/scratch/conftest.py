"""What is tested here makes its own data directories."""

import pytest

from dbtool.scratch import cluster, server


@pytest.fixture(autouse=True)
def _real_initdb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call initdb, where other tests begin with a copy."""
    monkeypatch.setattr(server, "create", cluster.create)
