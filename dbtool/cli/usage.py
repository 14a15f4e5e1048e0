"""What is wrong with a command line, told as every other error is."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import typer

from dbtool.cli.help import page
from dbtool.errors import UsageError

EXIT = UsageError.exit

CommandLineError: Any = getattr(typer, "TyperException", typer.BadParameter.__mro__[2])
"""What typer raises about a command line; before 0.27 only its public subclass shows it."""


_OURS = (
    (r"is not a valid int(eger)?( range)?$", "is not a whole number"),
    (r"is not a valid float( range)?$", "is not a number"),
    (r'does not match the formats? "%Y-%m-%d"$', "is not a date (YYYY-MM-DD)"),
)
"""What typer says about values, and how it is said here."""

_PYDANTICS = (
    (r"Input should be a valid integer\b.*$", '"{}" is not a whole number'),
    (r"Input should be a valid number\b.*$", '"{}" is not a number'),
    (r"Input should be greater than or equal to (\S+)$", "{} is below {}"),
    (r"Input should be less than or equal to (\S+)$", "{} is above {}"),
)
"""What it says from 0.29 on: the value stands in pydantic's error only."""

_RANGE = r"(\S+) is not in the range (?:(\S+)<=)?x(?:>=(\S+)|<=(\S+))?$"


def help_instead(error: Any) -> str | None:
    """The help page a bare command group answers with, or None for a real error."""
    return page(error.ctx) if type(error).__name__ == "NoArgsIsHelpError" else None


def command_of(error: Any) -> str:
    """The words of the command that was meant; empty where none was recognised."""
    context = getattr(error, "ctx", None)
    return " ".join(context.command_path.split()[1:]) if context else ""


def explained(error: Any) -> UsageError:
    """Typer's error in our words, with the nearest name as the hint."""
    message, _, _ = str(error.format_message()).partition(" (Possible options:")
    message, _, _ = message.partition(" Did you mean")
    message = message.replace(": Value error, ", ": ")  # pydantic's words, from 0.29 on
    message = re.sub(r"'([^' ]*)'", r'"\1"', message.strip().rstrip("."))
    for theirs, ours in _OURS:
        message = re.sub(theirs, ours, message)
    message = re.sub(_RANGE, _beside, message)
    for theirs, said in _PYDANTICS:
        if found := re.search(theirs, message):
            message = message[: found.start()] + said.format(_value(error), *found.groups())
    hint = _hint(error, message)
    if "://" in message or "password" in message:
        from dbtool.cli.bug import masked

        message = masked(message, (), {})
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _beside(found: re.Match[str]) -> str:
    """On which side of a range a number is; whole numbers without the `.0` of a float."""
    value, low, least, most = (each and each.removesuffix(".0") for each in found.groups())
    lowest = low or least
    if lowest is not None and float(value) < float(lowest):
        return f"{value} is below {lowest}"
    return f"{value} is above {most}"


def _value(error: Any) -> str:
    """The value that was refused, as it was typed."""
    mistakes: list[Any] = getattr(error.__cause__, "errors", list)()
    return str(mistakes[0]["input"]).removesuffix(".0") if mistakes else "it"


def _hint(error: Any, message: str) -> str:
    context = getattr(error, "ctx", None)
    page = f"See {context.command_path if context else 'dbtool'} --help."
    meant = _near(message, context) or _near_option(message, error)
    return f"Did you mean {' or '.join(meant)}? {page}" if meant else page


def _near(message: str, context: Any) -> list[str]:
    wrong = re.fullmatch(r'No such command "(.*)"', message)
    if wrong is None or context is None:
        return []
    group = context.command
    options = {name.lstrip("-"): name for each in group.params for name in each.opts}
    listed = group.list_commands(context)
    commands = {name: name for name in listed if not group.get_command(context, name).hidden}
    known = options | commands
    more = group.meant_by(wrong[1]) if hasattr(group, "meant_by") else []
    return [*(known[each] for each in near(wrong[1], known)), *more]


def _near_option(message: str, error: Any) -> list[str]:
    """The dashes say nothing about what was meant."""
    wrong = re.search(r"--?([\w-]+)$", message)
    names = {name.lstrip("-"): name for name in getattr(error, "possibilities", None) or ()}
    return [names[each] for each in near(wrong[1], names)] if wrong else []


def near(wrong: str, names: Iterable[str]) -> list[str]:
    """The names a misspelt one may stand for, best first."""
    return get_close_matches(wrong, list(names), n=3, cutoff=0.6)
