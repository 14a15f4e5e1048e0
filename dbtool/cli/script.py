"""Migrations as SQL on stdout: rendered, or recorded in a throwaway server."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbtool.cli import output
from dbtool.cli.command import Call
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.migrate.offline import Script
    from dbtool.migrate.project import Project
    from dbtool.report import Report


@dataclass(frozen=True, slots=True)
class Range:
    """Which revisions are wanted as SQL, in which direction, and whether they are to run."""

    verb: Literal["upgrade", "downgrade"]
    revisions: str
    tag: str | None
    from_scratch: bool


def written(call: Call, project: "Project", wanted: Range) -> "Script":
    """An upgrade or downgrade as SQL, rendered or recorded."""
    up = wanted.verb == "upgrade"
    with output.reserved():
        if wanted.from_scratch:
            from dbtool.migrate import from_scratch

            record = from_scratch.upgrade_sql if up else from_scratch.downgrade_sql
            return record(project, wanted.revisions, call.progress, wanted.tag)
        from dbtool.migrate import offline

        render = offline.upgrade_sql if up else offline.downgrade_sql
        return render(project, wanted.revisions, wanted.tag)


def refuse_from_scratch(sql: bool, from_scratch: bool) -> None:
    """Where SQL is not wanted nothing is recorded."""
    if from_scratch and not sql:
        raise UsageError("--from-scratch is a way to write --sql", hint="Give both.")


def print_sql(call: Call, script: "Script") -> "Report | None":
    """Plain SQL, so that it can be piped; an envelope where a format asks for one."""
    if script.note:
        call.progress.note(script.note)
    if call.options.wanted is output.Format.TERMINAL:
        output.write(script.sql, call.options.output)
        return None
    from dbtool.migrate import view

    return view.script(script, call.command)
