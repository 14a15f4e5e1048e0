"""Lets throwaway servers begin with a copy of what initdb made once for all tests."""

import os
import subprocess
import tempfile
from contextlib import suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbtool.scratch.account import Account
    from dbtool.scratch.binaries import Binaries

STORE = "TEST_CLUSTERS"
"""The variable that names where the copies stand for all processes of the tests."""


def copy_data_directories() -> None:
    """Copy instead of calling initdb, which costs five times as much."""
    from dbtool.scratch import server

    initdb = server.create  # type: ignore[attr-defined]
    store = Path(os.environ[STORE])

    def create(binaries: "Binaries", account: "Account", data: Path, **how: Any) -> None:
        if how["password_file"] is not None:
            initdb(binaries, account, data, **how)
            return
        made = store / str(binaries.directory).replace("/", "-")
        with made.with_name(f"{made.name}.lock").open("w") as turn:
            flock(turn, LOCK_EX)
            if not made.exists():
                initdb(binaries, account, data, **how)
                _keep(data, made)
                return
        _copy(made, data)

    server.create = create  # type: ignore[attr-defined]


def _keep(data: Path, made: Path) -> None:
    """Copy beside the goal and rename: a process may be killed in it."""
    with tempfile.TemporaryDirectory(dir=made.parent, ignore_cleanup_errors=True) as work:
        _copy(data, Path(work) / "data")
        with suppress(OSError):
            (Path(work) / "data").rename(made)


def _copy(source: Path, goal: Path) -> None:
    """Copy a directory as it is, its owner too, but for the blocks that hold nothing yet."""
    subprocess.run(["cp", "-a", "--sparse=always", source, goal], check=True)
