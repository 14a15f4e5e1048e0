"""Report of where a database stands, and the words every report about that uses."""

from collections.abc import Iterable
from typing import Protocol

from dbtool.finding import Finding, Rule, Unknown, judge
from dbtool.migrate.current import Current
from dbtool.migrate.history import Revision
from dbtool.migrate.rules import revision_without_file, revisions_pending
from dbtool.migrate.standing import Standing
from dbtool.migrate.uptodate import UpToDate
from dbtool.migrate.view_history import details
from dbtool.report import Column, Report, Table, counted

_ALWAYS: tuple[Rule[Standing], ...] = (revision_without_file,)
_WITH_HEADS: tuple[Rule[Standing], ...] = (*_ALWAYS, revisions_pending)
NO_FILE = "no file has it"


class _Named(Protocol):
    @property
    def database(self) -> str: ...

    @property
    def named_by(self) -> str: ...


def named_by(result: _Named) -> tuple[str, ...]:
    """Nobody named the database, so say who did."""
    if result.named_by != "env.py":
        return ()
    return (f"env.py named the database, {result.database}; --url or DATABASE_URL goes first",)


def ids(revisions: Iterable[str], none: str = "base") -> str:
    """Revisions as they are printed."""
    return ", ".join(revisions) or none


def at(revisions: Iterable[str]) -> str:
    """Where a database is, as it stands behind its name."""
    named = ids(revisions, "")
    return f"is at {named}" if named else "records no revision"


def nothing_to_do(result: UpToDate, command: str) -> Report:
    """An upgrade that found every head recorded."""
    headline = f"{result.database} {at(result.after)}; nothing to upgrade"
    return Report(command=command, data=result, headline=headline)


def current(
    result: Current, command: str, *, check_heads: bool = False, verbose: bool = False
) -> Report:
    """Where the database stands."""
    several = len(result.standings) > 1
    headline = result.database + _stands(result)
    if result.pending:
        heads = ids(dict.fromkeys(each for one in result.standings for each in one.ahead))
        headline += f"; {counted(result.pending, 'revision')} pending, up to {heads}"
    findings, unknowns = judged(result.standings, check_heads=check_heads)
    if verbose:
        sections = details(result.revisions)
    elif several:
        sections = (_positions(result),)
    else:
        columns = (Column("revision"), Column("message", shrink=True))
        rows = tuple((each.revision, each.message) for each in result.revisions)
        rows += tuple((each, NO_FILE) for each in unknown(result.standings))
        sections = (Table(columns, rows),) if rows else ()
    return Report(
        command=command,
        data=result,
        headline=headline,
        sections=sections,
        findings=findings,
        unknowns=unknowns,
        notes=named_by(result),
        next=(next_step(result.standings),) if result.pending and not check_heads else (),
        judged=check_heads or bool(findings),
    )


def unknown(standings: Iterable[Standing]) -> tuple[str, ...]:
    """Every revision that is recorded and that no file has."""
    return tuple(dict.fromkeys(rev for each in standings for rev in each.unknown))


def _stands(result: Current) -> str:
    if len(result.standings) > 1:
        waiting = sum(bool(each.pending) for each in result.standings)
        said = f"revisions are pending in {waiting}" if waiting else "nothing is pending"
        return f" has {len(result.standings)} version tables, {said}"
    found = [_marked(each) for each in result.revisions]
    found += [f"{each} ({NO_FILE})" for each in unknown(result.standings)]
    return f" {at(found)}"


def next_step(standings: tuple[Standing, ...]) -> str:
    """The command that runs what is pending."""
    return "dbtool upgrade" + (" heads" if len(standings[0].heads) > 1 else "")


def judged(
    standings: tuple[Standing, ...], *, check_heads: bool
) -> tuple[tuple[Finding, ...], tuple[Unknown, ...]]:
    """What the rules say of where version tables stand."""
    judged = [judge(_WITH_HEADS if check_heads else _ALWAYS, each) for each in standings]
    findings = tuple(finding for found, _ in judged for finding in found)
    return findings, tuple(unknown for _, found in judged for unknown in found)


def _positions(result: Current) -> Table:
    rows = tuple(
        (each.version_table, ids(each.recorded, "no revision"), f"{len(each.pending):,}")
        for each in result.standings
    )
    columns = (Column("version table"), Column("revision"), Column("pending", align="right"))
    return Table(columns, rows)


def _marked(revision: Revision) -> str:
    return f"{revision.revision} (head)" if revision.head else revision.revision
