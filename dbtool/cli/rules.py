"""`dbtool rules`: what each rule looks for, why, and what to do about it."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Set-up")(rules)


def rules(
    call: Call,
    name: Annotated[str | None, typer.Argument(help="One rule to read about.")] = None,
) -> "Report | None":
    """Print the documentation of the rules, or of one."""
    return None
