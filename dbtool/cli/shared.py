"""What the options many commands share have said, and how a command takes them."""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from dbtool.cli.output import Format
from dbtool.severity import FailOn


class Options(NamedTuple):
    """What the shared options said; None and empty mean not given."""

    format: Format | None = None
    json: bool = False
    output: Path | None = None
    fail_on: FailOn | None = None
    url: str | None = None
    env: str | None = None
    configs: tuple[Path, ...] = ()
    name: str | None = None
    x: tuple[str, ...] = ()
    quiet: bool = False
    raiseerr: bool = False
    wait_db: float | None = None
    wait_lock: float | None = None
    lock_timeout: float | None = None
    max_blocking: float | None = None
    resume: Literal["auto", "skip", "rerun"] | None = None
    direct: bool = False

    @property
    def wanted(self) -> Format:
        """The format in force; `--json` is short for `--format json`."""
        return Format.JSON if self.json else self.format or Format.TERMINAL

    @property
    def config(self) -> Path | None:
        """The configuration file; the .ini where a pyproject.toml is given too."""
        return min(self.configs, key=lambda each: each.suffix == ".toml", default=None)


SHARED_NAMES = frozenset(Options._fields)


def split(values: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    """Part what typer parsed into the shared options and the command's own."""
    shared = {key: value for key, value in values.items() if key in SHARED_NAMES}
    shared |= {key: tuple(shared.get(key) or ()) for key in ("x", "configs")}
    return Options(**shared), {
        key: value for key, value in values.items() if key not in SHARED_NAMES
    }


def merge(outer: Options, inner: Options) -> Options:
    """Options may stand before or behind the command; the nearer one wins, `-x` adds up."""
    chosen = {
        name: getattr(inner if _is_given(inner, name) else outer, name) for name in Options._fields
    }
    return Options(**{**chosen, "x": outer.x + inner.x})


def _is_given(options: Options, name: str) -> bool:
    """Whether an option was used; 0 is a length of time like any other."""
    value = getattr(options, name)
    return value is not None and value is not False and value != ()


def given(options: Options) -> dict[str, str]:
    """The options that were given, by field, as they are spelled on the command line."""
    spelled = {"x": "-x", "configs": "--config"}
    names = (name for name in Options._fields if _is_given(options, name))
    return {name: spelled.get(name, f"--{name.replace('_', '-')}") for name in names}


Share = tuple[inspect.Parameter, ...]


def parameters(function: Callable[..., None]) -> Share:
    """The options a function takes, for commands to share."""
    found = inspect.signature(function, eval_str=True).parameters.values()
    return tuple(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in found)


def shortest(parameter: inspect.Parameter) -> str:
    """The shortest spelling of an option; the first of them is where others have a default."""
    option = parameter.annotation.__metadata__[0]
    spellings: tuple[str, ...] = (option.default, *option.param_decls)
    return min(spellings, key=len)


def hidden(share: Share) -> Share:
    """The same options, taken but not listed on the help page."""
    return tuple(_hide(parameter) for parameter in share)


def without(spelling: str, share: Share) -> Share:
    """The same options where one spelling means something else to the command."""
    return tuple(_despell(spelling, parameter) for parameter in share)


def _hide(parameter: inspect.Parameter) -> inspect.Parameter:
    option = copy(parameter.annotation.__metadata__[0])
    option.hidden = True
    return parameter.replace(annotation=Annotated[parameter.annotation.__origin__, option])


def _despell(spelling: str, parameter: inspect.Parameter) -> inspect.Parameter:
    option = copy(parameter.annotation.__metadata__[0])
    option.param_decls = tuple(each for each in option.param_decls if each != spelling)
    return parameter.replace(annotation=Annotated[parameter.annotation.__origin__, option])
