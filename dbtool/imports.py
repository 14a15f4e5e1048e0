"""Import a team's module, and say in their terms why it cannot be imported."""

import importlib
import importlib.util
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from dbtool.errors import ProjectError, UsageError

_PASSWORD = re.compile(r"(://[^\s:/@]*:)\S*@")
_NAMED_PASSWORD = re.compile(
    r"""((?:password|passwd|pwd)['"]?\s*[=:]\s*)(?:b?'(?:[^'\\]|\\.|'')*'|b?"(?:[^"\\]|\\.|"")*"|\S+)""",
    re.IGNORECASE,
)
_FROZEN = "<frozen importlib"


def source_directory(root: Path) -> Path | None:
    """`src/` where packages or modules lie in it: no path leads there before they are installed.

    A `src` that is a package itself is imported by that name, from the root.
    """
    source = root / "src"
    if not source.is_dir() or (source / "__init__.py").exists():
        return None
    holds_code = any(source.glob("*.py")) or any(source.glob("*/*.py"))
    return source if holds_code else None


def load_module(name: str, directories: Sequence[Path]) -> ModuleType:
    """Import a module from the directories first, then from the environment.

    The directories stay on `sys.path`, since models import more of the application when
    they are first used. What the code prints goes to stderr: stdout is the report.
    """
    first = [str(directory) for directory in directories]
    sys.path[:] = [*first, *(each for each in sys.path if each not in first)]
    importlib.invalidate_caches()
    try:
        with redirect_stdout(sys.stderr):
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise import_error(error, name, directories) from error


def follow(
    module: ModuleType,
    attribute: str,
    spec: str,
    fitting: Callable[[ModuleType], list[str]],
    accepted: str,
) -> object:
    """What a setting names in a module; `fitting` are the names there it may have meant."""
    value: object = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            public = [name for name in dir(value) if not name.startswith("_")]
            near = get_close_matches(part, public, n=3) or fitting(module)
            raise UsageError(
                f'"{module.__name__}" has no "{part}" (for "{spec}")',
                detail=f"The module is {module.__file__}.",
                hint=_did_you_mean(f"{module.__name__}:{name}" for name in near)
                or f"The setting names {accepted}.",
            )
        value = getattr(value, part)
    return value


def import_error(error: BaseException, name: str, directories: Sequence[Path]) -> UsageError:
    """The failed import as an error that names the team's own file and line."""
    if isinstance(error, ModuleNotFoundError) and error.name and is_within(name, error.name):
        return _not_found(error.name, name, directories)
    place = failing_line(error, directories)
    said, hint = _said(error, name)
    detail = f"{place}: {said}" if place else said
    return ProjectError(f'cannot import "{name}"', detail=detail, hint=hint)


def is_within(name: str, parent: str) -> bool:
    """Whether `parent` is the module `name` itself or a package around it."""
    return f"{name}.".startswith(f"{parent}.")


def _not_found(missing: str, name: str, directories: Sequence[Path]) -> UsageError:
    package, _, last = missing.rpartition(".")
    beside = submodules(package) if package else _top_level(directories)
    near = [each for each in get_close_matches(last, beside, n=3) if each != last]
    prefix = f"{package}." if package else ""
    searched = ", ".join(str(directory) for directory in directories)
    return UsageError(
        f'module "{missing}" not found' + (f' (for "{name}")' if missing != name else ""),
        detail=f"Searched {searched} and the packages of {sys.prefix}.",
        hint=_did_you_mean(f"{prefix}{each}" for each in near)
        or "Name the module as the application imports it, from the project root; "
        "run dbtool in the application's own environment.",
    )


def _did_you_mean(names: Iterable[str]) -> str:
    listed = " or ".join(f'"{name}"' for name in names)
    return f"Did you mean {listed}?" if listed else ""


def submodules(package: str) -> list[str]:
    """The names of the modules directly inside a package that imports cleanly."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    locations = spec.submodule_search_locations if spec else None
    return [module.name for module in pkgutil.iter_modules(locations or [])]


def _top_level(directories: Sequence[Path]) -> list[str]:
    found = [
        path.stem
        for directory in directories
        if directory.is_dir()
        for path in directory.iterdir()
        if path.suffix == ".py" or (path.is_dir() and path.name.isidentifier())
    ]
    return sorted(set(found))


def failing_line(error: BaseException, directories: Sequence[Path]) -> str:
    """The innermost line of the team's own code the error passed through."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(Path(error.filename), directories)}, line {error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_FROZEN)
        and not frame.filename.startswith(importlib.__file__)
        and frame.filename != __file__
    ]
    own = [frame for frame in frames if _is_own(Path(frame.filename), directories)]
    if not (chosen := (own or frames)):
        return ""
    return f"{_shown(Path(chosen[-1].filename), directories)}, line {chosen[-1].lineno}"


def _is_own(path: Path, directories: Sequence[Path]) -> bool:
    inside = any(path.is_relative_to(directory) for directory in directories)
    return inside and not {"site-packages", "dist-packages"} & set(path.parts)


def _shown(path: Path, directories: Sequence[Path]) -> str:
    relative = [path.relative_to(each) for each in directories if path.is_relative_to(each)]
    return str(min(relative, key=lambda each: len(each.parts), default=path))


def _said(error: BaseException, name: str) -> tuple[str, str]:
    """What went wrong and the next step; the commonest causes are told by their remedy."""
    if names := _missing_settings(error):
        listed = ", ".join(names)
        return (
            f"the application's settings are incomplete: {listed}",
            f"Set what these fields read, as the application does (perhaps {names[0].upper()}).",
        )
    if (variable := _missing_variable(error)) is not None:
        return (
            f"the environment variable {variable} is not set",
            f"Set {variable} as the application does.",
        )
    if isinstance(error, ModuleNotFoundError):
        return _said_of_module(error)
    if isinstance(error, SystemExit):
        return f"the module ends the program: {error.code}", "Move that out of the import."
    said = str(error).strip().partition("\n")[0]
    if isinstance(error, SyntaxError):
        said = error.msg
    if "is already defined for this MetaData" in said:
        hint = "The module is imported under two names; name it as the application imports it."
    else:
        hint = f'See the whole traceback with: python -c "import {name}"'
    return in_short(error, said), hint


def _said_of_module(error: ModuleNotFoundError) -> tuple[str, str]:
    said = f"{type(error).__name__}: {error}"
    if error.name in ("psycopg2", "psycopg"):
        return said, (
            f"Install {error.name} beside the application, or name the driver in the URL: "
            "postgresql:// means psycopg under SQLAlchemy 2.1 and psycopg2 before."
        )
    return said, f"dbtool runs in {sys.prefix}: install it in the application's environment."


def in_short(error: BaseException, said: str | None = None) -> str:
    """An error of the team's own code on a line: its class, in full where it says no more."""
    kind = type(error)
    first = str(error).strip().partition("\n")[0] if said is None else said
    if first:
        return f"{kind.__name__}: {without_passwords(first)}"
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def without_passwords(text: str) -> str:
    """A text without the passwords of the URLs in it, nor those that stand behind their name."""
    return _NAMED_PASSWORD.sub(r"\1***", _PASSWORD.sub(r"\1***@", text))


def _missing_variable(error: BaseException) -> str | None:
    if not isinstance(error, KeyError):
        return None
    frames = traceback.extract_tb(error.__traceback__)
    read_environment = bool(frames) and Path(frames[-1].filename).name in ("os.py", "<frozen os>")
    return str(error.args[0]) if read_environment else None


def _missing_settings(error: BaseException) -> tuple[str, ...]:
    """The fields a pydantic model complains about; never the values it was given."""
    details = getattr(error, "errors", None)
    if not type(error).__module__.startswith("pydantic") or not callable(details):
        return ()
    return tuple(".".join(str(part) for part in each["loc"]) for each in details())
