"""Scripts of SQL in files and directories."""

import re
from collections.abc import Iterator
from pathlib import Path

from dbtool.errors import UsageError

_SUFFIX = ".sql"
_DOWN, _UP = ".down.sql", ".up.sql"


def read(path: Path) -> str:
    """The text of a file; raises UsageError where it has none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f'cannot read "{path}"', detail=error.strerror or str(error)) from error
    return decoded(content, f'"{path}"')


def decoded(content: bytes, name: str) -> str:
    """What a file or a pipe says; raises UsageError where it is no text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8", detail=str(error)) from error
    if "\0" in text:
        raise UsageError(f"{name} is not text", detail="It holds a zero byte.")
    return text


def scripts(path: Path) -> Iterator[Path]:
    """A file, or the scripts below a directory, V2 before V10."""
    if not path.is_dir():
        yield path
        return
    below = sorted(path.rglob(f"*{_SUFFIX}"), key=lambda each: _natural(each.relative_to(path)))
    if not below:
        hint = ""
        if any(path.glob("*.py")):
            hint = "Revisions are named by id, range or file; without any, the new ones are judged."
        raise UsageError(f'there is no {_SUFFIX} file in "{path}"', hint=hint)
    names = {str(each) for each in below}
    for each in below:
        name = str(each)
        if not (name.endswith(_DOWN) and name.removesuffix(_DOWN) + _UP in names):
            yield each


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """An order in which numbers count as numbers."""
    parts = re.split(r"(\d+)", str(path))
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts if part]
