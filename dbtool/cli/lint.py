"""`dbtool lint`: what each migration would do to a live database."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.migrate import PANEL, checked, complete_revision
from dbtool.cli.options import ALEMBIC, DATABASE, JUDGED
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.report import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, PANEL, DATABASE, ALEMBIC, JUDGED)(lint)


def _complete(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Revisions, and files that could be judged."""
    head, tail = os.path.split(incomplete)
    found = []
    for each in sorted(Path(head or ".").glob(f"{tail}*")) if "*" not in tail else ():
        name = f"{head}/{each.name}" if head else each.name
        if each.is_dir() and not each.name.startswith((".", "__")):
            found.append((f"{name}/", "directory"))
        elif each.suffix in (".sql", ".py"):
            found.append((name, "file"))
    return [*complete_revision(ctx, incomplete), *found]


def _complete_rule(incomplete: str) -> list[tuple[str, str]]:
    """Rules of lint, also behind a comma."""
    from dbtool.cli.rules import all_pages

    before, comma, begun = incomplete.rpartition(",")
    pages = (page for page in all_pages() if page.family == "lint")
    known = [("all", "every rule"), ("default", "the rules of hazards")]
    known += [(page.name, page.summary) for page in pages]
    return [(f"{before}{comma}{name}", said) for name, said in known if name.startswith(begun)]


def lint(
    call: Call,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REVISION|FILE|-",
            help="Revisions by id, range (a:b) or file, or files and directories of SQL, or - "
            "for stdin; without any, the revisions the main branch does not have.",
            autocompletion=_complete,
            show_default=False,
        ),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="RULE",
            help="Ask only these rules, with commas or repeated; default stands for those of "
            "hazards, all also for those of style.",
            autocompletion=_complete_rule,
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="RULE",
            help="Do not ask these rules.",
            autocompletion=_complete_rule,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="REVISION",
            help="Judge nothing up to this revision.",
            autocompletion=complete_revision,
        ),
    ] = None,
    pg: Annotated[
        int | None,
        typer.Option(
            "--pg", metavar="MAJOR", min=15, max=18, help="Judge for this version of the server."
        ),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="FILE|URL",
            help="For SQL: the schema it meets, as pg_dump -s writes it, or read from a database.",
        ),
    ] = None,
    one_transaction: Annotated[
        bool,
        typer.Option(
            "--one-transaction", help="For SQL: each file runs in one transaction, not as in psql."
        ),
    ] = False,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Run every statement, as its superuser, in a throwaway server and say what was "
            "seen.",
        ),
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="FILE|URL",
            help="With --measure: the schema to begin with, where the history does not build it.",
        ),
    ] = None,
    stats: Annotated[
        str | None,
        typer.Option(
            "--stats",
            metavar="FILE|URL",
            help="How large the tables are, to say for how long each change blocks them.",
        ),
    ] = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Write the safe way into the files, where nobody has to decide anything."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "--diff", help="With --fix: show it, and write nothing."),
    ] = False,
    export_stats: Annotated[
        Path | None,
        typer.Option(
            "--export-stats",
            metavar="FILE",
            help="Write such a file, to be committed, from the database named, and stop.",
        ),
    ] = None,
) -> "Report":
    """Say what each migration would do to a live database, before it does.

    It knows the schema from the history, and connects nowhere unless an option says so. What
    is fine as it is can be allowed beside it: # dbtool: allow RULE -- reason. With --fix it
    rewrites statements in place; what may be applied somewhere already has to be named.
    """
    from dbtool.cli import fixing, judging
    from dbtool.lint import view
    from dbtool.lint.fixing import in_own_language

    if export_stats is not None:
        _refuse({"--fix": fix}, "what is judged; --export-stats judges nothing")
        return judging.export(call, export_stats, stats)
    given = {"--url": call.options.url is not None, "--env": call.options.env is not None}
    _refuse(given, "--export-stats; --stats, --schema and --baseline take a URL themselves")
    if baseline is not None and not measure:
        raise UsageError("--baseline is for --measure: without it nothing is run")
    if dry_run and not fix:
        raise UsageError("--dry-run is for --fix: without it nothing is written")
    places = [each if each == judging.STDIN else checked(each) for each in what or ()]
    rules = judging.rules(call, select, ignore)
    is_sql = judging.names_sql(places)
    if is_sql:
        _refuse({"--since": since is not None}, "revisions, and SQL was given")
    else:
        given = {"--schema": schema is not None, "--one-transaction": one_transaction}
        _refuse(given, "SQL; revisions have their history")
        if places and since is not None:
            raise UsageError("--since leaves nothing out of what is named; give a range: a:b")
    known = judging.baseline(call, "--schema", schema)
    start = judging.baseline(call, "--baseline", baseline) or known
    sizes = judging.sizes(call, stats)
    judge = judging.Judge(rules, pg or call.settings.keys.lint_pg, known, sizes)
    texts = judging.texts(places) if is_sql else {}

    def judged(texts: Mapping[str, str]) -> judging.Judgement:
        if is_sql:
            found = judging.scripts(texts, one_transaction=one_transaction)
        else:
            found = judging.revisions(call, tuple(places), since)
        measured = judging.measured(call, found, judge.major, start) if measure else None
        notes = judging.notes_on(found, measured, start)
        linted = judge(found, measured)
        return judging.Judgement(found, linted, (*notes, *judge.notes(linted)))

    if fix:
        return fixing.fix(call, judged, texts, dry_run=dry_run)
    once = judged(texts)
    report = view.report(in_own_language(once.linted), call.command, notes=once.notes)
    return replace(report, next=(*report.next, *fixing.offered(once, places)))


def _refuse(given: dict[str, bool], what: str) -> None:
    for option in (name for name, used in given.items() if used):
        raise UsageError(f"{option} is for {what}")
