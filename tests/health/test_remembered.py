"""What a project remembers of a server for the day on which nobody gets in."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.database.target import Target
from dbtool.health.pool import read
from dbtool.health.remembered import Memory
from tests.health.crowd import Crowd
from tests.processes import eventually


def test_numbers_are_kept_for_their_owner_alone(
    database: Target, people: Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their age, without statements; by server and environment; and only at home."""
    api = people.session("api@web:1")
    # The numbers are those of the whole server, where others of its tests may be ending yet.
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    assert eventually(lambda: api.fetchval(open_ones) == 0)
    api.execute("BEGIN")
    api.execute("SELECT 'a secret'")
    pool = read(database)
    memory = Memory.of(tmp_path, database, "live")
    assert memory.told() == ""
    memory.keep(pool)
    memory.keep(pool)
    first, *lines = memory.told().splitlines()
    assert (first.startswith("As dbtool last saw it, "), first[-5:]) == (True, " ago:")
    assert "usable slots were taken, 1 session sat in an open transaction" in lines[0]
    assert lines[1].startswith("usable: ")
    assert "api 1" in lines[2]
    assert [each.name for each in memory.path.parent.iterdir()] == [memory.path.name]
    text = memory.path.read_text("utf-8")
    assert not [word for word in ("SELECT", "secret", "password") if word in text]
    modes = [each.stat().st_mode & 0o777 for each in (memory.path, memory.path.parent)]
    assert modes == [0o600, 0o700]
    assert (tmp_path / ".dbtool/.gitignore").read_text() == "*\n"
    elsewhere = replace(database, port=database.port + 1)
    assert Memory.of(tmp_path, elsewhere, "live").told() == ""
    assert Memory.of(tmp_path, database, "").told() == ""
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    away = tmp_path / "away"
    away.mkdir()
    Memory.of(away, database, "").keep(pool)
    assert (memory.told(), list(away.iterdir())) == ("", [])


def test_what_is_broken_is_passed_over(database: Target, tmp_path: Path) -> None:
    """As is a place that cannot be written to."""
    memory = Memory.of(tmp_path, database, "")
    memory.path.parent.mkdir(parents=True)
    for text in ("", "[]", '{"taken": 1}', '{"taken": 0, "lines": [1]}'):
        memory.path.write_text(text)
        assert memory.told() == ""
    (tmp_path / "file").touch()
    Memory.of(tmp_path / "file", database, "").keep(read(database))
