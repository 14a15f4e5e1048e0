"""`dbtool revision`: a new revision, empty, or from what the models want of the schema."""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli import output
from dbtool.cli.command import Call
from dbtool.cli.migrate import complete_revision, opened
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.report import Report

MESSAGE = typer.Option("--message", "-m", metavar="TEXT", help="What the revision does.")
REV_ID = typer.Option("--rev-id", metavar="ID", help="The id to use instead of a random one.")
BRANCH_LABEL = typer.Option("--branch-label", metavar="LABEL", help="A label for the new branch.")
REVIEW_PANEL = "With --autogenerate"


def revision(
    call: Call,
    moved: Annotated[
        str | None,
        typer.Argument(
            metavar="REVISION",
            help="With --rebase: the head to move, or a revision that only it leads to.",
            autocompletion=complete_revision,
            show_default=False,
        ),
    ] = None,
    message: Annotated[str | None, MESSAGE] = None,
    autogenerate: Annotated[
        bool,
        typer.Option(
            "--autogenerate", help="Fill it with what the models want and the history lacks."
        ),
    ] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Run env.py without a database.")] = False,
    head: Annotated[
        str,
        typer.Option(
            "--head",
            metavar="REVISION",
            help="The revision it follows, or label@head.",
            autocompletion=complete_revision,
        ),
    ] = "head",
    splice: Annotated[
        bool, typer.Option("--splice", help="Let it follow a revision that is no head.")
    ] = False,
    branch_label: Annotated[str | None, BRANCH_LABEL] = None,
    version_path: Annotated[
        str | None,
        typer.Option("--version-path", metavar="DIR", help="Which of the version directories."),
    ] = None,
    rev_id: Annotated[str | None, REV_ID] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option(
            "--depends-on",
            metavar="REVISION",
            help="A revision of another branch it needs; may be repeated.",
            autocompletion=complete_revision,
        ),
    ] = None,
    rebase: Annotated[
        bool,
        typer.Option(
            "--rebase",
            help="Put a branch that is not deployed behind the other head, by its down_revision.",
        ),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="URL",
            help="Look at a database too: its rows, and what of it no revision explains.",
            rich_help_panel=REVIEW_PANEL,
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="OLD:NEW",
            help="What was renamed: users.name:full_name, or tables old:new; may be repeated.",
            rich_help_panel=REVIEW_PANEL,
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="WHAT",
            help="What may be lost: drop-column:users.age, drop-table:users; may be repeated.",
            rich_help_panel=REVIEW_PANEL,
        ),
    ] = None,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="Write each operation as it is, not in the form that lets others go on.",
            rich_help_panel=REVIEW_PANEL,
        ),
    ] = False,
    chain: Annotated[
        bool,
        typer.Option(
            "--chain",
            help="Write two revisions where a deploy has to come in between.",
            rich_help_panel=REVIEW_PANEL,
        ),
    ] = False,
    no_proof: Annotated[
        bool,
        typer.Option(
            "--no-proof",
            help="Do not run it up, down and up again in a throwaway PostgreSQL.",
            rich_help_panel=REVIEW_PANEL,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show all of it and write nothing; also with --rebase.",
            rich_help_panel=REVIEW_PANEL,
        ),
    ] = False,
    allow_empty: Annotated[
        bool,
        typer.Option(
            "--allow-empty",
            help="Write a file also where nothing differs.",
            rich_help_panel=REVIEW_PANEL,
        ),
    ] = False,
) -> "Report":
    """Write a new revision file, empty or filled with a reviewed change.

    With --autogenerate the models are compared with what the history makes of an empty
    database, in a throwaway PostgreSQL: no database of yours is needed. Renames are asked for,
    what loses data is agreed to by name, the operations are written so that others can go on
    meanwhile, and the file is run up, down and up again before it is written. Exit 2 names the
    flags that decide where nobody can be asked.

    With --rebase two heads become one line: nothing is written but the down_revision of one
    file. It refuses what is on the main branch, or applied on the database named; the others
    dbtool merge joins.
    """
    from dbtool.cli.autogenerate import Asked, autogenerated
    from dbtool.migrate import revision as family
    from dbtool.migrate import view

    wish = family.Wish(
        message, head, splice, branch_label, version_path, rev_id, tuple(depends_on or ())
    )
    asked = Asked(
        against=against,
        renames=tuple(rename or ()),
        allowed=frozenset(allow or ()),
        plain=plain,
        proof=not no_proof,
        dry_run=dry_run,
        allow_empty=allow_empty,
        chain=chain,
    )
    if rebase:
        if autogenerate or sql:
            raise UsageError("--rebase writes no revision: leave the other flags out")
        _refuse(call, replace(asked, dry_run=False))
        return _rebased(call, moved, None if head == "head" else head, dry_run=dry_run)
    if moved is not None:
        raise UsageError("a revision is for --rebase", hint="dbtool revision --rebase REVISION")
    if sql and autogenerate:
        raise UsageError("--autogenerate compares with a database, and --sql uses none")
    if not autogenerate:
        _refuse(call, asked)
        with output.reserved():
            created = family.create(opened(call, offline=sql), wish, call.progress, sql=sql)
        return view.created(created, call.command)
    call.runs_long()
    return autogenerated(call, wish, asked)


def _rebased(call: Call, moved: str | None, onto: str | None, *, dry_run: bool) -> "Report":
    from dbtool.migrate.rebase import rebase
    from dbtool.migrate.view_rebase import rebased

    with output.reserved():
        done = rebase(opened(call), moved, onto, call.progress, dry_run=dry_run)
    return rebased(done, call.command)


def _refuse(call: Call, asked: object) -> None:
    """Flags about a comparison mean nothing where there is none."""
    from dbtool.cli.autogenerate import Asked

    given = [
        _SPELLED.get(each.name, f"--{each.name.replace('_', '-')}")
        for each in fields(Asked)
        if getattr(asked, each.name) != each.default
    ]
    given += ["--fail-on"] if call.options.fail_on is not None else []
    if given:
        raise UsageError(f"{given[0]} is for --autogenerate")


_SPELLED = {"renames": "--rename", "allowed": "--allow", "proof": "--no-proof"}
