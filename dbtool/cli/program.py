"""The tree of commands: which family holds which command, in the order of the help page."""

from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dbtool import __version__
from dbtool.cli import output
from dbtool.cli.command import take_parameters
from dbtool.cli.help import HelpCommand, HelpGroup
from dbtool.cli.listing import LISTED
from dbtool.cli.options import (
    ALEMBIC,
    DATABASE,
    JUDGED,
    LOCKING,
    OUTPUT,
    RESUMING,
    WAITING,
)
from dbtool.cli.shared import hidden, shortest, split

FAMILIES: dict[str, tuple[str, ...]] = {
    "upgrade": ("upgrade", "downgrade"),
    "current": ("current", "stamp", "ensure-version", "ensure_version"),
    "check": ("check",),
    "status": ("status",),
    "revisions": ("history", "heads", "branches", "show", "revision", "merge", "edit"),
    "lint": ("lint",),
    "explain": ("explain",),
    "trace": ("trace",),
    "now": ("now",),
    "locks": ("locks",),
    "kill": ("kill",),
    "pool": ("pool",),
    "top": ("top",),
    "doctor": ("doctor",),
    "seed": ("seed",),
    "demo": ("demo",),
    "init": ("init", "list-templates", "list_templates"),
    "local": ("local",),
    "config": ("config",),
    "rules": ("rules",),
}
"""Each module of `dbtool.cli` that holds commands, and which ones."""

SHARED = (DATABASE, WAITING, LOCKING, RESUMING, ALEMBIC, JUDGED, OUTPUT)


def _epilog() -> str:
    """The options that may stand before the command, each by its shortest name."""
    *names, last = (shortest(each) for share in SHARED for each in share)
    return (
        f"The options {', '.join(names)} and {last} may also stand before the command, as Alembic"
        " users type them."
    )


class Program(HelpGroup):
    """All commands; a family is imported when one of its commands is run or completed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Every command in the order of the help page."""
        return [name for names in FAMILIES.values() for name in names]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What a list shows of a command; one that is not listed is hidden."""
        for panel, sentences in LISTED.items():
            if sentence := sentences.get(cmd_name):
                return HelpCommand(cmd_name, help=sentence, rich_help_panel=panel)
        known = cmd_name in self.list_commands(ctx)
        return HelpCommand(cmd_name, hidden=True) if known else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command to run, or to complete, with all its options."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and _built(_family_of(args[0]), args[0]), rest


def _family_of(command: str) -> typer.Typer:
    return _registered(next(key for key, names in FAMILIES.items() if command in names))


@cache
def _registered(module: str) -> typer.Typer:
    family = typer.Typer(rich_markup_mode=None, suggest_commands=False)
    family.callback()(lambda: None)
    import_module(f"dbtool.cli.{module}").register(family)
    return family


def _built(family: typer.Typer, command: str) -> Any:
    group = typer.main.get_command(family)
    assert isinstance(group, TyperGroup)
    return group.commands[command]


def program() -> Any:
    """The program as a callable that takes the words of the command line."""
    app = typer.Typer(
        name="dbtool",
        cls=Program,
        help="Database operations for SQLAlchemy, Alembic and PostgreSQL teams.",
        epilog=_epilog(),
        rich_markup_mode=None,
        suggest_commands=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    take_parameters(_remember, _before_command, tuple(map(hidden, SHARED)))
    app.callback()(_remember)
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        output.write(f"dbtool {__version__}\n")
        raise typer.Exit


def _before_command(
    _: object,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None: ...


def _remember(ctx: typer.Context, **values: Any) -> None:
    ctx.obj, _ = split(values)
