"""A small file system of its own, for what happens when a server's disk is full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbtool.scratch.account import server_account


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Mount an empty directory the server owns, of so many bytes; skip where nobody may mount."""
    account = server_account()
    directory = Path(f"/tmp/dbtool-full-{os.getpid()}")
    directory.mkdir()
    options = f"size={size},uid={account.uid},gid={account.gid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        directory.rmdir()
        pytest.skip("a file system cannot be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)
        directory.rmdir()
