"""What commands write is there whole or not at all, whenever Ctrl-C comes."""

import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from dbtool import files
from dbtool.interrupts import uninterrupted
from tests.interrupts import BEGIN, interrupted
from tests.processes import finish, python

TEXT = "taken = json.dumps({})\n"

OUTPUT = f"""
from dbtool.cli.output import write
{BEGIN}
write("new", Path("a.py"))
"""
BASELINE = f"""
from dbtool.explain.baseline import Baseline
from dbtool.explain.keeping import write
{BEGIN}
write(Path("a.py"), Baseline(1, ()))
"""
REBASE = f"""
from dbtool.migrate.parent import Edit
edit = Edit(Path("a.py"), Path("a.py").read_bytes(), b"new")
{BEGIN}
edit.write()
"""
IMPORTS = f"""
from dbtool.migrate.importing import complete
{BEGIN}
complete(Path("a.py"))
"""
INIT = f"""
from dbtool.migrate.init import change
before = Path("a.py").read_text()
change.read = lambda path: before if path.name == "a.py" else None
made = [change.Change("a.py", before, "new"), change.Change("b.py", None, "new")]
{BEGIN}
change.write(Path(), made, ["c"])
"""
KEPT = f"""
from dbtool import kept
{BEGIN}
kept.make(Path(".dbtool"))
"""
TEMPORARY = f"""
import tempfile
from dbtool.files import temporary_directory
tempfile.tempdir = "."
{BEGIN}
with temporary_directory("t-") as directory:
    sys.setprofile(None)
    (directory / "file").touch()
    {BEGIN}
"""


MEMORY = f"""
from dbtool.scratch.workspace import Memory
{BEGIN}
Memory("shop", "secret").write(Path("a.py").absolute())
"""
DIRECTORY = f"""
from dbtool.files import replace_directory
for name in ("old", "new"):
    Path(name).mkdir()
    Path(name, name).touch()
{BEGIN}
replace_directory(Path("old"), by=Path("new"))
"""
REVISION = f"""
from alembic import command, config
from dbtool.migrate.environment import load
from dbtool.migrate.location import Place
from dbtool.migrate.project import Project
sys.stdout = open("said", "w")
command.init(config.Config("alembic.ini"), "migrations")
place = Place(Path("alembic.ini"), None, "alembic", Path())
script = load(Project(place), ("revision",)).script
{BEGIN}
script.generate_revision("1", "first", head="base", upgrades="", downgrades="", imports="")
"""


def ran(work: str, call: str, directory: Path) -> dict[str, bytes | None]:
    """What is in a directory after work that an interrupt met right behind a call."""
    directory.mkdir()
    (directory / "a.py").write_text(TEXT)
    interrupted(work, call, directory=directory)
    return {
        str(each.relative_to(directory)): each.read_bytes() if each.is_file() else None
        for each in directory.rglob("*")
    }


@pytest.mark.parametrize(
    ("work", "call"),
    [
        pytest.param(work, call, id=f"{name}-{call}")
        for name, work, calls in [
            ("output", OUTPUT, ("open", "replace")),
            ("baseline", BASELINE, ("open",)),
            ("rebase", REBASE, ("open",)),
            ("imports", IMPORTS, ("open",)),
            ("init", INIT, ("open", "replace", "mkdir")),
            ("kept", KEPT, ("mkdir",)),
            ("memory", MEMORY, ("open",)),
            ("temporary", TEMPORARY, ("mkdir", "unlink")),
        ]
        for call in calls
    ],
)
def test_an_interrupt_leaves_what_was_or_what_is_to_be(
    tmp_path: Path, work: str, call: str
) -> None:
    """Ctrl-C right behind a call that opens, makes or writes something leaves nothing half done."""
    before = {"a.py": TEXT.encode()}
    after = ran(work, "", tmp_path / "after")
    assert ran(work, call, tmp_path / "interrupted") in (before, after)


def test_an_interrupt_leaves_no_part_of_a_directory(tmp_path: Path) -> None:
    """Ctrl-C while one directory takes the place of another is heard when it has."""
    left = ran(DIRECTORY, "unlink", tmp_path / "interrupted")
    assert sorted(left) == ["a.py", "old", "old/new"]


def test_an_interrupt_leaves_a_revision_whole(tmp_path: Path) -> None:
    """Ctrl-C right behind the call that makes the file of a revision leaves none without code."""
    left = ran(REVISION, "open", tmp_path / "interrupted")
    texts = [text for name, text in left.items() if text and "versions" in name]
    assert [b"def downgrade()" in text for text in texts] == [True]


def test_names_owner_and_rights_stay(tmp_path: Path) -> None:
    """A file with two names is both still, and one of another owner or for few is that still."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"old")
    first.chmod(0o600)
    files.write(first, b"new")
    second.hardlink_to(first)
    files.write(second, b"newer")
    assert (first.read_bytes(), stat.S_IMODE(first.stat().st_mode)) == (b"newer", 0o600)
    assert first.samefile(second)
    if os.geteuid() == 0:
        second.unlink()
        os.chown(first, 1234, 4321)
        files.write(first, b"newest")
        assert (first.read_bytes(), first.stat().st_uid, first.stat().st_gid) == (
            b"newest",
            1234,
            4321,
        )
    assert sorted(each.name for each in tmp_path.iterdir() if each != second) == ["first"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """Whether another file would have taken its place, or its text is written over."""
    code = """
import pathlib, resource, signal, sys
from dbtool import files
file, before = pathlib.Path(sys.argv[1]), b"o" * 4000
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
for names in (1, 2):
    file.write_bytes(before)
    try:
        files.write(file, b"n" * 8000)
    except OSError as error:
        print(names, error.strerror, file.read_bytes() == before)
    if names == 1:
        file.with_name("second").hardlink_to(file)
"""
    said = finish(python(code, tmp_path / "file"))
    assert said == "1 File too large True\n2 File too large True\n"


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """A pipe stays a pipe, and whoever reads it gets the text."""
    pipe, got = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    files.write(pipe, b"text")
    reader.join(60)
    assert got == [b"text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root")
def test_a_directory_may_take_no_other_file() -> None:
    """Its files are written in place then."""
    code = """
import pathlib, tempfile
from dbtool import files
with tempfile.TemporaryDirectory() as name:
    file = pathlib.Path(name, "a" * 250)
    files.write(file, b"long")
    file.parent.chmod(0o500)
    files.write(file, b"longer")
    print(file.read_text())
    file.parent.chmod(0o700)
"""
    assert finish(python(code, user=65534)) == "longer\n"


def test_an_interrupt_is_heard_also_behind_a_failure() -> None:
    """What fails while Ctrl-C waits does not take its place."""

    def failing() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            raise OSError

    with pytest.raises(KeyboardInterrupt):
        failing()
