"""The commands of `dbtool seed` about the files in the project's `seeds` directory."""

from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output
from dbtool.cli.command import Call
from dbtool.cli.seed_options import ConfirmDatabase, Yes, leading_on, models_of, scenes_of

if TYPE_CHECKING:
    from dbtool.report import Report


def reference(
    call: Call,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete the rows of these tables that are in no file."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what differs, by reading alone.")
    ] = False,
    yes: Yes = False,
    confirm_database: ConfirmDatabase = None,
) -> "Report":
    """Bring the rows of seeds/reference into the database: only those that differ.

    Rows are found by their key, whatever their numbers; parents come first, in one
    transaction. It is made for production too: it asks there, and a second run writes nothing.
    """
    from dbtool.errors import UsageError
    from dbtool.seed.maintain import Wanted, maintain
    from dbtool.seed.view_reference import maintained

    scenes = scenes_of(call)
    tables = scenes.reference()
    if not tables:
        place = scenes.seeds.shown(scenes.seeds.directory / "reference")
        elsewhere = [f"{stray} is not read: it lies elsewhere." for stray in scenes.seeds.strays()]
        raise UsageError(
            "there are no reference rows",
            detail="\n".join([f"No file of {place} is .yaml, .json or .csv.", *elsewhere]),
            hint=f"Name a file after its table: {place}/roles.yaml, with a list of rows.",
        )
    wanted = Wanted(tables, prune, dry_run)
    allowed = call.permission(yes, confirm_database)
    done = maintain(call.target, models_of(call), wanted, allowed, call.progress)
    return leading_on(call, maintained(done, call.command), ("--prune",) if prune else ())


def schema(call: Call) -> "Report | None":
    """Print the JSON Schema of scenarios, made from your models, for an editor.

    dbtool seed schema -o seeds/schema.json, and in the first line of a scenario the comment
    "yaml-language-server: $schema=../schema.json": editors then complete tables, columns and
    their values. No database is asked.
    """
    from dbtool.report import Report
    from dbtool.seed.schema import schema_of, written

    made = schema_of(models_of(call))
    if call.options.wanted is output.Format.TERMINAL:
        output.write(written(made), call.options.output)
        return None
    return Report(command=call.command, data=made)
