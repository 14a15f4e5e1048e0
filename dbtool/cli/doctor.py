"""`dbtool doctor`: what will hurt a database one day."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output
from dbtool.cli.command import Call, command
from dbtool.cli.options import DATABASE, JUDGED
from dbtool.cli.place import led
from dbtool.cli.rescue import asked
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Health", DATABASE, JUDGED)(doctor)


def doctor(
    call: Call,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar="RULE", help="Only these rules, parted by commas."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="RULE", help="Not these rules, parted by commas."),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE", help="Leave out the findings it accepts."),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option(
            "--write-baseline", metavar="FILE", help="Accept what is found now: write it there."
        ),
    ] = None,
    grants: Annotated[
        str | None,
        typer.Option(
            "--grants", metavar="ROLE", help="Print the least rights ROLE needs, and stop."
        ),
    ] = None,
) -> "Report":
    """Look for what will hurt one day: indexes, keys, vacuum, statistics, settings, roles.

    The slow look beside `now`: one question of up to five seconds, read-only, that takes no
    lock on any table. What a role may not see is unknown, with the grant that would show it.
    """
    from dbtool.health.doctor import baseline as file
    from dbtool.health.doctor.examined import read
    from dbtool.health.view_doctor import choose, doctor_report, judged

    if grants is not None:
        return _grants(call, grants)
    rules = choose(_parted(select), _parted(ignore))
    known = file.read(baseline) if baseline else file.Known()
    if write_baseline and write_baseline.exists() and write_baseline != baseline:
        raise UsageError(
            f"{write_baseline} exists",
            hint=f"Give it as --baseline {write_baseline} too, and it is written anew.",
        )
    examined = asked(call, read)
    if write_baseline:
        data, _ = judged(examined, rules, file.Known())
        output.write(file.written(data.each), write_baseline)
        known = file.read(write_baseline)
    return led(call, doctor_report(examined, rules, known))


def _grants(call: Call, role: str) -> "Report":
    from dbtool.health.doctor.grants import grants_report, needs

    return grants_report(needs(role, call.target.database))


def _parted(given: list[str] | None) -> list[str]:
    return [name for each in given or () for name in each.split(",") if name.strip()]
