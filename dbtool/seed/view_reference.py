"""Turns what became of reference rows into a report."""

from collections.abc import Iterator

from dbtool.report import Cell, Column, Diff, Report, Section, Table, counted
from dbtool.seed.maintain import Maintained
from dbtool.seed.sides import Change, Kept

_SHOWN = 200


def maintained(done: Maintained, command: str) -> Report:
    """What was, or would be, written."""
    return Report(
        command=command,
        data=done,
        headline=_headline(done),
        sections=tuple(_sections(done)),
        notes=tuple(_notes(done)),
        next=("dbtool seed reference",) if done.dry_run and done.writes else (),
    )


def _headline(done: Maintained) -> str:
    tables = done.compared.tables
    if not done.writes:
        rows = counted(sum(each.unchanged for each in tables), "reference row")
        return f"nothing to write: {rows} of {counted(len(tables), 'table')} are as in the files"
    said = [
        f"{counted(count, 'row')} {verb}"
        for verb, count in (
            ("inserted", sum(each.inserted for each in tables)),
            ("updated", sum(each.updated for each in tables)),
            ("deleted", sum(each.deleted for each in tables)),
        )
        if count
    ]
    return f"{'dry run, would be: ' if done.dry_run else ''}{', '.join(said)}"


def _sections(done: Maintained) -> Iterator[Section]:
    columns = (
        Column("table", shrink=True),
        Column("by", shrink=True, optional=1),
        Column("inserted", "right"),
        Column("updated", "right"),
        Column("deleted", "right"),
        Column("same", "right"),
    )
    yield Table(columns, tuple(map(_row, done.compared.tables)))
    if done.writes:
        lines = [line for each in done.compared.changes[:_SHOWN] for line in _lines(each)]
        if len(done.compared.changes) > _SHOWN:
            lines.append(f" … {len(done.compared.changes) - _SHOWN:,} more; --json has them all")
        yield Diff("\n".join(lines), "rows")


def _row(each: Kept) -> tuple[Cell, ...]:
    numbers = (each.inserted, each.updated, each.deleted, each.unchanged)
    return (each.table, ", ".join(each.key), *(f"{number:,}" for number in numbers))


def _lines(change: Change) -> Iterator[str]:
    name = f"{change.table} {change.key}"
    if change.kind == "delete":
        yield f"-{name}"
    elif change.kind == "insert":
        values = ", ".join(f"{column}={_shown(text)}" for column, _, text in change.columns)
        yield f"+{name}: {values}" if values else f"+{name}"
    else:
        before = ", ".join(f"{column}={_shown(text)}" for column, text, _ in change.columns)
        after = ", ".join(f"{column}={_shown(text)}" for column, _, text in change.columns)
        yield f"-{name}: {before}"
        yield f"+{name}: {after}"


def _shown(text: str | None) -> str:
    if text is None:
        return "NULL"
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else f"{flat[:59]}…"


def _notes(done: Maintained) -> Iterator[str]:
    others = [each for each in done.compared.tables if each.other]
    if others:
        listed = ", ".join(f"{each.table} {each.other:,}" for each in others)
        yield f"rows that are in no file stay: {listed} (--prune deletes them)"
