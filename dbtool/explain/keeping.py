"""Where plans are kept: a file beside the statements, and how the two find each other."""

import os
from dataclasses import replace
from pathlib import Path

from dbtool import files
from dbtool.errors import OperationError, UsageError
from dbtool.explain.baseline import SUFFIX, Baseline, Kept, dumped, is_one, kept, loads
from dbtool.explain.change import Change
from dbtool.explain.changes import compare
from dbtool.explain.examined import Examined, Explained
from dbtool.explain.offline import examine


def place(name: str, sql_file: str | None) -> Path:
    """The file a baseline of this name is written to: beside its statements, if not elsewhere."""
    path = Path(name if name.endswith(SUFFIX) else f"{name}{SUFFIX}")
    if sql_file and path.parent == Path():
        return Path(sql_file).parent / path
    return path


def save(
    path: Path, baseline: Baseline, *, sql: str, source: Path | None, params: Path | None
) -> None:
    """Write a baseline; statements that were in no file are written to one beside it."""
    beside = path.with_name(path.name.removesuffix(SUFFIX) + ".sql")
    if source is None:
        _write_new(beside, sql.strip().rstrip(";") + ";\n")
    known = replace(
        baseline,
        source=_from(path, source or beside),
        params=_from(path, params) if params else "",
    )
    write(path, known)


def write(path: Path, baseline: Baseline) -> None:
    """Write the file."""
    try:
        files.write(path, dumped(baseline).encode("utf-8"))
    except OSError as error:
        raise _unwritten(path, error) from error


def _write_new(path: Path, text: str) -> None:
    try:
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise UsageError(
                f'"{path}" holds another statement',
                detail="A baseline without -f is kept beside a file with its statement.",
                hint=f"Give another name, or explain that file: -f {path}",
            )
        files.write(path, text.encode("utf-8"))
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> OperationError:
    why = error.strerror or str(error)
    return OperationError(f'cannot write "{path}"', detail=f"{why}. The plan is not kept.")


def _from(path: Path, other: Path) -> str:
    """Another file as seen from the baseline, the same on every machine."""
    return Path(os.path.relpath(other.resolve(), path.resolve().parent)).as_posix()


def compared(text: str, name: str, now: Explained) -> tuple[Change, ...]:
    """Statements beside the plans in a text, which are a baseline or what EXPLAIN printed."""
    if is_one(text):
        before = loads(text, name).statements
    else:
        before = tuple(kept(each) for each in examine(text, name).statements)
        before = tuple(replace(each, fingerprint="") for each in before)
    if len(before) != len(now.statements):
        raise UsageError(
            f"{name} holds {len(before)} plans, and there are {len(now.statements)} to compare"
        )
    return tuple(
        compare(old, _unnamed(new, old.fingerprint))
        for old, new in zip(before, now.statements, strict=True)
    )


def _unnamed(examined: Examined, fingerprint: str) -> Kept:
    found = kept(examined)
    return found if fingerprint else replace(found, fingerprint="")
