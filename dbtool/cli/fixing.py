"""`dbtool lint --fix`: write what is mechanical, then judge what is left."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dbtool.cli import output
from dbtool.cli.command import Call
from dbtool.cli.judging import STDIN, STDIN_NAME, Found, Judgement
from dbtool.cli.output import Format
from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.report import Report, exit_code

if TYPE_CHECKING:
    from dbtool.lint.fixing import Change, Plan

COMMAND = "dbtool lint --fix"
_BYTE_ORDER_MARK = "\ufeff"
Judged = Callable[[Mapping[str, str]], Judgement]


def fix(call: Call, judged: Judged, texts: Mapping[str, str], *, dry_run: bool) -> Report:
    """Rewrite the files that were judged; `texts` are scripts of SQL, which are read already."""
    from dbtool.lint.fixing import plan, view

    piped = STDIN_NAME in texts
    if piped:
        _check_piped(call, texts, dry_run=dry_run)
    before = judged(texts)
    _check_own(before.found)
    sources = {**texts} or _sources(before)
    planned = plan(before.linted, before.found.migrations, sources)
    if piped:
        _pipe(call, judged, planned, sources)
    after = before
    if planned.changes and not dry_run:
        _write(planned.changes)
        after = _again(judged, planned, {**texts})
    return view.report(planned, after.linted, call.command, notes=after.notes, written=not dry_run)


def offered(judgement: Judgement, places: Sequence[str]) -> tuple[str, ...]:
    """The command that would write what is mechanical, where there is any and it would do so."""
    from dbtool.lint.fixing import fixable

    if not fixable(judgement.linted) or not judgement.found.own or STDIN in places:
        return ()
    return (shlex.join((*COMMAND.split(), *places)),)


def _check_own(found: Found) -> None:
    if not found.own:
        raise UsageError(
            "which revisions are not applied anywhere is not known, so none is rewritten",
            detail=f"These would be judged: {found.chosen}.",
            hint="Name those to rewrite: dbtool lint --fix REVISION, or a range a:b.",
        )


def _sources(judgement: Judgement) -> dict[str, str]:
    """The files of the revisions with their own line ends, as they were when they were judged."""
    from dbtool.migrate.init.change import read

    texts = {each.file: each.text for each in judgement.found.migrations if each.judged}
    found = {}
    for outcome in judgement.linted.outcomes:
        text = read(Path(outcome.file)) if outcome.file else None
        if text is None:
            continue
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        if plain != texts[outcome.file]:
            raise OperationError(
                f'"{outcome.file}" changed while it was judged',
                detail="Nothing was written.",
                hint=f"Run {COMMAND} again.",
            )
        found[outcome.file] = text
    return found


def _write(changes: "Sequence[Change]") -> None:
    from dbtool.migrate.init import change

    made = []
    for each in changes:
        mark = _mark(change.read(Path(each.file)) or "", each.before)
        made.append(change.Change(each.file, mark + each.before, mark + each.after))
    change.write(Path(), made, command=COMMAND)


def _mark(text: str, read: str) -> str:
    """The byte order mark that scripts of SQL are read without."""
    return _BYTE_ORDER_MARK if text == _BYTE_ORDER_MARK + read else ""


def _again(judged: Judged, planned: "Plan", texts: dict[str, str]) -> Judgement:
    """Judge the new files; where that fails the old ones are put back."""
    new = {each.file: each.after for each in planned.changes}
    try:
        return judged({**texts, **new} if texts else {})
    except DbtoolError as error:
        _write([replace(each, before=each.after, after=each.before) for each in planned.changes])
        raise OperationError(
            "what was written could not be judged, and the files are again as they were",
            detail=error.message,
            hint="dbtool lint shows the safe way; write it by hand.",
        ) from error


def _check_piped(call: Call, texts: Mapping[str, str], *, dry_run: bool) -> None:
    if len(texts) > 1 or dry_run:
        what = "--dry-run" if dry_run else "files beside it"
        raise UsageError(
            f"--fix of stdin prints the SQL and takes no {what}",
            hint="dbtool lint --fix - < old.sql > new.sql writes no file itself.",
        )
    if call.options.wanted is not Format.TERMINAL and call.options.output is None:
        raise UsageError(
            "--fix of stdin prints the SQL, so that the report has to go elsewhere",
            hint="Name a file for it: -o FILE.",
        )


def _pipe(call: Call, judged: Judged, planned: "Plan", sources: dict[str, str]) -> None:
    """The SQL on stdout; what is left to say in a file or on stderr."""
    from dbtool.lint.fixing import view

    text = next((each.after for each in planned.changes), sources[STDIN_NAME])
    after = judged({STDIN_NAME: text})
    report = view.report(planned, after.linted, call.command, notes=after.notes, written=True)
    output.write(text)
    if call.options.output is not None:
        call.emit(report)
    else:
        call.progress.note(report.headline)
        for each in report.findings:
            call.progress.note(f"{each.severity.word}: {each.location}: {each.title}")
    raise typer.Exit(exit_code(report, call.fail_on))
