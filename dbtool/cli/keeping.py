"""`dbtool explain --save`, `--compare` and `--check`: plans kept beside their statements."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.inputs import name_of, read
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.cli.command import Call
    from dbtool.explain.examined import Explained
    from dbtool.explain.run import How
    from dbtool.guard import Permission
    from dbtool.report import Report

PANEL = "Plans kept for comparison"

Save = Annotated[
    str | None,
    typer.Option(
        "--save",
        metavar="NAME",
        help="Keep the plan without its values in NAME.plan.json, beside the .sql file.",
        rich_help_panel=PANEL,
    ),
]
Compare = Annotated[
    Path | None,
    typer.Option(
        "--compare",
        metavar="FILE",
        help="Say what changed since the plan in a file: one that was kept, or any saved plan.",
        rich_help_panel=PANEL,
    ),
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Compare all plans kept below a directory (the argument, or here) with those of "
        "now; exit 1 where a statement got worse.",
        rich_help_panel=PANEL,
    ),
]
Accept = Annotated[
    bool,
    typer.Option(
        "--accept",
        help="With --check: keep the plans of now, also of .sql files that have none.",
        rich_help_panel=PANEL,
    ),
]


def check_directory(
    call: "Call", directory: str | None, how: "How", permission: "Permission", *, accept: bool
) -> "Report":
    """The report of `--check`."""
    from dbtool.explain.checking import Kit, check
    from dbtool.explain.view_changes import check_report

    kit = Kit(call.target, permission, call.progress, how)
    return check_report(check(Path(directory or "."), kit, accept=accept))


def with_comparison(report: "Report", explained: "Explained", before: Path | None) -> "Report":
    """The report with what changed since the plan in a file, where one was named."""
    if before is None:
        return report
    from dbtool.explain.keeping import compared
    from dbtool.explain.view_changes import with_changes

    return with_changes(report, compared(read(before), name_of(before), explained))


def keep(
    report: "Report", explained: "Explained", name: str | None, sql: str, given: "Given"
) -> "Report":
    """The report once the plan is kept, where that was asked for."""
    if name is None:
        return report
    from dbtool.explain import baseline, keeping

    path = keeping.place(name, given.file)
    found = replace(baseline.keep(explained), name=given.statement)
    source = Path(given.file) if given.file else None
    keeping.save(path, found, sql=sql, source=source, params=given.params)
    notes = [f"the plan is kept in {path}; dbtool explain --check compares with it"]
    if given.loose:
        notes.append("its values are not kept: --check reads them from the file of --params")
    return replace(report, notes=(*report.notes, *notes))


class Given:
    """Where a statement and its values came from."""

    def __init__(self, file: Path | None, params: Path | None, *, loose: bool) -> None:
        before, _, statement = str(file or "").rpartition(":")
        named = bool(before) and file is not None and not file.exists()
        self.file = before if named else str(file) if file and file != Path("-") else None
        self.statement = statement if named else ""
        self.params = params
        self.loose = loose


def refuse_together(*, check: bool, accept: bool, others: dict[str, object]) -> None:
    """A directory is compared as a whole, and what is kept was planned here."""
    if others["--save"] and others["--from-plan"]:
        raise UsageError(
            "--save keeps the plan of a statement, and --from-plan has none",
            hint="--compare FILE compares with a saved plan as it is.",
        )
    if accept and not check:
        raise UsageError("--accept goes with --check")
    if check and (used := [name for name, value in others.items() if value]):
        raise UsageError(f"--check takes a directory, and no {' and no '.join(used)}")
