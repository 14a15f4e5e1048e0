"""The directory of what dbtool keeps in a project, `.dbtool/`, which no repository takes up."""

from pathlib import Path

from dbtool import files
from dbtool.interrupts import uninterrupted


def make(directory: Path) -> None:
    """Make it where it is missing; raises OSError where that is not possible.

    The local server's account must pass through to its own part, whatever the umask.
    """
    with uninterrupted():
        directory.mkdir(parents=True, exist_ok=True)
        ignore = directory / ".gitignore"
        if not ignore.exists():
            directory.chmod(0o755)
            files.write(ignore, b"*\n")
