"""The files of a project as they shall be; nothing reaches the disk from here."""

import tomllib
from pathlib import Path

from dbtool.errors import UsageError
from dbtool.migrate.init.change import Change, read


class Draft:
    """A project's files with the changes made so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._before: dict[str, str | None] = {}
        self._after: dict[str, str] = {}

    def text(self, path: str) -> str | None:
        """A file as it shall be; None where there is none."""
        if path not in self._before:
            self._before[path] = read(self.root / path)
        return self._after.get(path, self._before[path])

    def put(self, path: str, text: str) -> None:
        """Let a file have this content."""
        self.text(path)
        self._after[path] = text

    def create(self, path: str, text: str) -> None:
        """Add a file; raises UsageError where it exists."""
        if self.text(path) is not None:
            raise UsageError(
                f'"{path}" exists',
                detail="No Alembic configuration leads to it, so it may belong to something else.",
                hint="Name another directory: dbtool init DIRECTORY.",
            )
        self.put(path, text)

    def append_table(self, path: str, table: str) -> bool:
        """Add a table to a TOML file; False where TOML does not allow it at the end."""
        after = appended_table(self.text(path), table)
        if after is not None:
            self.put(path, after)
        return after is not None

    def changes(self) -> tuple[Change, ...]:
        """What differs from the disk, in the order of the drafting."""
        return tuple(
            Change(path, self._before[path], after)
            for path, after in self._after.items()
            if after != self._before[path]
        )


def appended(text: str | None, block: str, blank: int = 1) -> str:
    """The text and a block behind it, in the line ends the text already has."""
    if not text or not text.strip():
        return block
    newline = "\r\n" if "\r\n" in text else "\n"
    body = text.rstrip("\r\n") + newline * (blank + 1)
    return body + block.replace("\n", newline)


def appended_table(text: str | None, table: str) -> str | None:
    """A TOML file with one more table at its end; None where TOML does not allow it there.

    What stands in the file keeps its comments and its form: nothing but the end changes.
    """
    after = appended(text, table)
    try:
        was, becomes, added = (tomllib.loads(each or "") for each in (text, after, table))
    except tomllib.TOMLDecodeError:
        return None
    return after if becomes == _merged(was, added) else None


def _merged(first: dict[str, object], second: dict[str, object]) -> dict[str, object]:
    merged = dict(first)
    for key, value in second.items():
        held = merged.get(key)
        both = isinstance(held, dict) and isinstance(value, dict)
        merged[key] = _merged(held, value) if both else value  # type: ignore[arg-type]
    return merged
