"""The benchmarks of seeding say which peer does not run, and go on."""

from pathlib import Path

import pytest

from benchmarks.seed import last_line
from benchmarks.seed_peers import install


def test_peers_that_cannot_be_installed_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without uv and npm the others still run; one that dies silently is told as such."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install(tmp_path, tmp_path) == tmp_path / "peers"
    assert "faker, factory_boy, polyfactory, mimesis, postseed: not installed: " in (
        capsys.readouterr().out
    )
    assert last_line(ValueError("")) == "it said nothing"
    assert last_line(ValueError("Traceback\nno module\n")) == "no module"
