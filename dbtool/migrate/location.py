"""Find a project's Alembic configuration and where its revisions lie, without importing Alembic."""

import configparser
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dbtool.errors import UsageError

_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
_PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Place:
    """One Alembic configuration: its files, its section, and the directory it is run from.

    `base` is the directory that relative paths in the configuration are relative to. Alembic
    takes the current one; here it is the first of the likely ones in which they exist.
    """

    ini: Path | None
    toml: Path | None
    section: str
    base: Path
    named: tuple[str, ...] = ()
    options: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def shown(self) -> str:
        """The configuration file as it is printed."""
        path = self.ini if self.ini is not None and self.options_in_ini else self.toml or self.ini
        return relative(path) if path is not None else "alembic.ini"

    @property
    def options_in_ini(self) -> bool:
        """Whether the .ini file says where the revisions are."""
        return self.ini is not None and bool(_ini_options(self.ini, self.section))

    def text(self, name: str) -> str | None:
        """One option that is a string."""
        value = self.options.get(name)
        return value if isinstance(value, str) and value else None

    def flag(self, name: str) -> bool:
        """One option that is true or false."""
        return self.options.get(name) in (True, "true")

    def paths(self, name: str) -> list[str]:
        """One option that is a list of paths."""
        value = self.options.get(name)
        if isinstance(value, list):
            return [str(each) for each in value]
        return self._split(name, value) if isinstance(value, str) and value else []

    def _split(self, name: str, value: str) -> list[str]:
        legacy = self.text("version_path_separator") if name == "version_locations" else None
        separator = _SEPARATORS.get(self.text("path_separator") or legacy or "")
        if separator is None:
            return re.split(r", *| +|:" if name == "prepend_sys_path" else r", *| +", value)
        return [each.strip() for each in value.split(separator) if each.strip()]


def find(
    config: Path | Sequence[Path] | None,
    section: str | None,
    root: Path,
    preferred: Path | None = None,
) -> Place:
    """The Alembic configuration: the file named, else the nearest one up to the project root.

    An .ini and a pyproject.toml may be named together. `preferred` is what the project's own
    settings say, which is less than the command line.
    """
    here = Path.cwd()
    given = (config,) if isinstance(config, Path) else tuple(config or ())
    fallback = _from_environment() or preferred
    named = given or ((fallback,) if fallback is not None else ())
    if not named:
        ini, toml = _nearest(here, root)
        return _placed(ini, toml, section, (ini or toml or here).parent, root, here)
    ini, toml = _paired([_existing(here / each, each) for each in named], here)
    first = here if given else root
    beside = (here / named[0]).absolute().parent
    return _placed(ini, toml, section, first, beside, root, named=tuple(map(str, named)))


def _from_environment() -> Path | None:
    value = os.environ.get("ALEMBIC_CONFIG")
    return Path(value) if value else None


def _existing(file: Path, named: Path) -> Path:
    if file.is_file():
        return file.absolute()
    raise UsageError(
        f'the Alembic configuration "{named}" does not exist',
        hint="Name an existing alembic.ini or pyproject.toml with -c.",
    )


def _paired(files: list[Path], here: Path) -> tuple[Path | None, Path | None]:
    """The .ini and the pyproject.toml that work together, when both or one of them is named."""
    inis = [each for each in files if each.name != _PYPROJECT]
    tomls = [each for each in files if each.name == _PYPROJECT]
    if len(inis) > 1 or len(tomls) > 1:
        raise UsageError(
            "-c names two Alembic configurations of one kind",
            detail=", ".join(str(each) for each in (inis if len(inis) > 1 else tomls)),
            hint="Give one .ini file, one pyproject.toml, or one of each.",
        )
    places = (here, files[0].parent)
    likely = [*tomls, *(directory / _PYPROJECT for directory in places)]
    toml = next((each for each in likely if each in tomls or _toml_options(each)), None)
    likely = [*inis, *(directory / "alembic.ini" for directory in places)]
    return next((each for each in likely if each.is_file()), None), toml


def _nearest(here: Path, root: Path) -> tuple[Path | None, Path | None]:
    for directory in _upwards(here, root):
        ini, toml = directory / "alembic.ini", directory / _PYPROJECT
        has_ini, has_toml = ini.is_file(), bool(_toml_options(toml))
        if has_ini or has_toml:
            return ini if has_ini else None, toml if has_toml else None
    raise _nothing(root)


def _upwards(here: Path, root: Path) -> Iterator[Path]:
    yield here
    if here.is_relative_to(root):
        yield from (each for each in here.parents if each.is_relative_to(root))
    else:
        yield root


def _nothing(root: Path) -> UsageError:
    others = []
    # Below a directory that is no project, what is found belongs to somebody else.
    if any((root / name).exists() for name in (".git", _PYPROJECT, "dbtool.toml")):
        others = [*root.glob("*/alembic.ini"), *root.glob("*/*/alembic.ini")][:1]
    hint = "Name it with -c FILE, or run dbtool init to set up migrations here."
    if others:
        hint = f"Did you mean -c {relative(others[0])}?"
    return UsageError(
        "no Alembic configuration was found",
        detail=f"Neither an alembic.ini nor a pyproject.toml with [tool.alembic] is in {root}.",
        hint=hint,
    )


def _placed(
    ini: Path | None,
    toml: Path | None,
    section: str | None,
    *bases: Path,
    named: tuple[str, ...] = (),
) -> Place:
    name = section or "alembic"
    options = {**(_toml_options(toml) if toml else {}), **(_ini_options(ini, name) if ini else {})}
    place = Place(ini, toml, name, bases[0], named, options)
    if place.text("script_location") is None:
        raise _no_script_location(place)
    for base in bases:
        at = Place(ini, toml, name, base, named, options)
        if script_directory(at) is not None:
            return at
    if ":" not in (place.text("script_location") or ""):
        raise _no_environment(place, bases)
    return place


def _no_environment(place: Place, bases: tuple[Path, ...]) -> UsageError:
    text = place.text("script_location") or ""
    found = [base / text for base in bases if (base / text).is_dir()]
    searched = ", ".join(dict.fromkeys(str((base / text).absolute()) for base in bases))
    return UsageError(
        f"{place.shown}: script_location leads to no env.py",
        detail=f"{found[0]} holds none." if found else f"There is no {searched}.",
        hint="Correct script_location, or run dbtool init to set up migrations.",
    )


def _no_script_location(place: Place) -> UsageError:
    sections = _sections(place.ini) if place.ini is not None else []
    usable = [each for each in sections if _ini_options(place.ini, each).get("script_location")]
    hint = f"Choose a section: {' or '.join(f'-n {each}' for each in usable)}." if usable else ""
    return UsageError(
        f'{place.shown} has no script_location in its section "{place.section}"',
        hint=hint or "Add script_location = the directory that holds env.py.",
    )


def script_directory(place: Place) -> Path | None:
    """The directory that holds env.py, if it can be told without importing anything."""
    found = _directory(place, place.text("script_location") or "")
    return found if found is not None and (found / "env.py").is_file() else None


def version_directories(place: Place) -> tuple[Path, ...] | None:
    """The directories that hold the revisions; None where only Alembic can tell."""
    script = script_directory(place)
    if script is None or place.flag("sourceless"):
        return None
    named = place.paths("version_locations")
    if not named:
        return (script / "versions",)
    found = [_directory(place, each) for each in named]
    directories = tuple(each for each in found if each is not None)
    return directories if len(directories) == len(found) else None


def _directory(place: Place, text: str) -> Path | None:
    if Path(text).is_absolute() or ":" not in text:
        path = place.base / text
        return path if path.is_dir() else None
    from dbtool.imports import source_directory

    package, *rest = text.split(":")
    inside = Path(*package.split("."), *rest)
    starts = [*(place.base / each for each in place.paths("prepend_sys_path")), *_import_path()]
    starts += [place.base, *([source] if (source := source_directory(place.base)) else [])]
    return next((each / inside for each in starts if (each / inside).is_dir()), None)


def _import_path() -> Iterator[Path]:
    return (Path(each) for each in sys.path if each)


def _sections(ini: Path) -> list[str]:
    return _parser(ini).sections()


def _ini_options(ini: Path | None, section: str) -> dict[str, object]:
    if ini is None:
        return {}
    parser = _parser(ini)
    if not parser.has_section(section):
        return {}
    return {key: value for key in parser.options(section) if (value := _get(parser, section, key))}


def _get(parser: configparser.ConfigParser, section: str, key: str) -> str | None:
    """An option this module may not even need must not fail on a stray percent sign."""
    try:
        return parser.get(section, key)
    except configparser.InterpolationError:
        return None


def _parser(ini: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser({"here": ini.absolute().parent.as_posix()})
    try:
        parser.read(ini, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{relative(ini)} cannot be read", detail=_position(error)) from None
    return parser


def _position(error: Exception) -> str:
    """Where the file is wrong, without the line itself: it may hold a password."""
    line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [(None,)])))[0]
    return f"{type(error).__name__}, line {line}." if line else f"{type(error).__name__}."


def _toml_options(toml: Path) -> dict[str, object]:
    if not toml.is_file():
        return {}
    try:
        table = tomllib.loads(toml.read_text(encoding="utf-8")).get("tool", {}).get("alembic", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{relative(toml)} cannot be read", detail=str(error)) from error
    here = {"here": toml.absolute().parent.as_posix()}
    return {key: _filled(value, here) for key, value in table.items()}


def _filled(value: object, here: dict[str, str]) -> object:
    """Put `%(here)s` in; a value that is no format string is taken as it stands."""
    if isinstance(value, list):
        return [_filled(each, here) for each in value]
    if not isinstance(value, str):
        return value
    try:
        return value % here
    except (KeyError, ValueError, TypeError):
        return value


def relative(path: str | Path) -> str:
    """The path as a user would type it from here."""
    here, named = f"{os.getcwd()}{os.sep}", str(path)  # noqa: PTH109  (thousands ask for it)
    return named[len(here) :] if named.startswith(here) else named


def relative_name(path: str | Path) -> str:
    """The file as it is printed and written to JSON."""
    # A path in its plain form needs no object; thousands ask for it.
    return relative(path if os.path.normpath(path) == path else Path(path))
