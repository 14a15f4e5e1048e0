"""What dbtool keeps in a project."""

import os
from pathlib import Path

from dbtool import kept


def test_others_pass_through_and_git_stays_out(tmp_path: Path) -> None:
    """Whatever the umask, and what somebody has changed since stays as it is."""
    directory = tmp_path / ".dbtool"
    before = os.umask(0o077)
    try:
        kept.make(directory)
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o755
    ignore = directory / ".gitignore"
    assert ignore.read_text() == "*\n"
    ignore.write_text("*.log\n")
    directory.chmod(0o711)
    kept.make(directory)
    assert ignore.read_text() == "*.log\n"
    assert directory.stat().st_mode & 0o777 == 0o711
