"""Takes away what servers leave: half a data directory, and what has outlived its project."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dbtool.scratch.cluster import read_pidfile, serves

_KEPT_FOR = 7 * 86_400.0
"""A project may have been moved and not been started since; its next start registers it anew."""

_ENDING = 2.0


def remove(directory: Path) -> None:
    """Remove it, also where a process of an interrupted initdb still writes as it ends."""
    until = time.monotonic() + _ENDING
    shutil.rmtree(directory, ignore_errors=True)
    while directory.exists() and time.monotonic() < until:
        time.sleep(0.02)
        shutil.rmtree(directory, ignore_errors=True)


def register(home: Path, link: Path) -> None:
    """Note beside a server's directory which project leads to it; only root may write there."""
    note = {"link": str(link), "device": link.lstat().st_dev}
    _note(home).write_text(json.dumps(note), encoding="utf-8")


def sweep(outside: Path) -> Iterator[Path]:
    """Remove, and name, each directory whose project is gone for certain and for some time."""
    for note in sorted(outside.glob("*.json")) if outside.is_dir() else ():
        home = note.with_suffix("")
        if _is_leftover(home, note):
            shutil.rmtree(home, ignore_errors=True)
            note.unlink(missing_ok=True)
            yield home


def sweep_copies(cache: Path, keep: Path) -> None:
    """Remove copied server programs that no server runs from and nobody has used for long.

    They are one per build, so that each update of the programs leaves one behind.
    """
    for copy in cache.iterdir():
        with suppress(OSError):
            unused = time.time() - copy.stat().st_mtime
            if copy != keep and unused > _KEPT_FOR and not _is_run_from(copy):
                shutil.rmtree(copy, ignore_errors=True)


def _is_run_from(directory: Path) -> bool:
    for program in Path("/proc").glob("[0-9]*/exe"):
        with suppress(OSError):
            if program.readlink().is_relative_to(directory):
                return True
    return False


def _note(home: Path) -> Path:
    return home.with_name(f"{home.name}.json")


def _is_leftover(home: Path, note: Path) -> bool:
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        link, device = Path(known["link"]), known["device"]
        changed = max(note.stat().st_mtime, _last_written(home))
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if time.time() - changed < _KEPT_FOR or _leads_to(link, home) or _runs(home):
        return False
    # Where the disk of the project is not mounted nobody can tell whether it is gone.
    above = next(each for each in link.parents if each.exists())
    return above.stat().st_dev == int(device)


def _last_written(home: Path) -> float:
    """When the server last made a checkpoint or wrote to its log."""
    last = 0.0
    for file in (home, home / "log", home / "data/global/pg_control"):
        with suppress(FileNotFoundError):
            last = max(last, file.stat().st_mtime)
    return last


def _leads_to(link: Path, home: Path) -> bool:
    with suppress(OSError):
        return os.path.realpath(link) == os.path.realpath(home)
    return True


def _runs(home: Path) -> bool:
    pid = read_pidfile(home / "data")
    return pid is not None and serves(pid.pid, home / "data")
