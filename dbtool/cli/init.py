"""`dbtool init`: set a project up."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.options import ALEMBIC
from dbtool.cli.output import Format
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.report import Report


PANEL = "Set-up"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    config_only = ALEMBIC[:1]
    command(app, PANEL, config_only)(init)
    command(app, PANEL)(list_templates)
    command(app, PANEL, name="list_templates", hidden=True)(list_templates)


def init(
    call: Call,
    directory: Annotated[
        str,
        typer.Argument(
            help="Where a new Alembic environment goes.", show_default="migrations", metavar="DIR"
        ),
    ] = "",
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            metavar="MODULE:NAME",
            help="Where the models are, if not found: package.module:Base. May be repeated.",
        ),
    ] = None,
    template: Annotated[
        str,
        typer.Option(
            "--template",
            "-t",
            metavar="NAME",
            help="Begin with a template of Alembic's own: generic, async, multidb, pyproject "
            "or pyproject_async.",
        ),
    ] = "",
    package: Annotated[
        bool,
        typer.Option("--package", help="Make the environment and its revisions packages."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")
    ] = False,
) -> "Report":
    """Set the project up: adopt the migrations that are here, or begin some.

    In a project with Alembic, finds its configuration, env.py, models and engine, and
    proposes the [tool.dbtool] section. Elsewhere also writes the Alembic environment:
    its configuration, an async env.py wired to the models, and a first models module
    where there is none. Reads the code and imports the models; connects to nothing.

    Every change is shown as a diff before it is written. A second run changes nothing.
    """
    from pathlib import Path

    from dbtool.migrate.init import Wishes, check, look, propose, write
    from dbtool.migrate.init.view import View

    survey = look(Path.cwd(), call.options.config)
    proposal = propose(survey, Wishes(directory, template, tuple(models or ()), package))
    view = View(call.command, proposal, check(proposal), call.settings.has_target(), unasked=yes)
    if dry_run or not proposal.changes:
        return view.report("proposed")
    if not yes:
        _refuse_unseen(call)
        call.emit(view.report("proposed"))
        if not call.ask.confirm(f"Write {view.files}?"):
            return view.report("declined")
    write(survey.root, proposal.changes, proposal.directories)
    return view.report("written")


def _refuse_unseen(call: Call) -> None:
    """A diff that goes to a file or into JSON is not on the screen when the question comes."""
    if call.options.wanted is Format.JSON or call.options.output is not None:
        raise UsageError(
            "the changes would not be on the screen before the question",
            hint="Give --dry-run to see them, then --yes to write them.",
        )


def list_templates(call: Call) -> "Report":
    """List the templates of Alembic that init can begin with."""
    from dbtool.migrate.init.available import available, report

    return report(available(), call.command)
