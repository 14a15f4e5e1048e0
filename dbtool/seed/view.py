"""Turns what seeding did, or would do, into a report."""

import shlex
from collections.abc import Iterator

from dbtool.report import Cell, Column, Report, Section, Styled, Table, Tone, counted, duration
from dbtool.seed.export import Exported
from dbtool.seed.load import Mode
from dbtool.seed.plan import ColumnPlan, SeedPlan, TablePlan
from dbtool.seed.reset import Emptied
from dbtool.seed.seeded import Seeded

_TONES: dict[str, Tone] = {"certain": "plain", "likely": "plain", "guess": "warning"}


def seeded(done: Seeded, command: str) -> Report:
    """What was loaded."""
    into = f"into {counted(len(done.tables), 'table')} in {duration(done.seconds)}"
    loaded = f"{into} ({done.rows_per_second:,.0f} rows/s)"
    headline = f"{counted(done.rows, 'row')} loaded {loaded}"
    if done.dry_run:
        headline = f"dry run: a sample of {counted(done.rows, 'row')} {loaded} was rolled back"
    return Report(
        command=command,
        data=done,
        headline=headline,
        sections=(_loaded(done),),
        notes=tuple(_notes_of_run(done)),
        next=tuple(_next(done)),
    )


def _next(done: Seeded) -> Iterator[str]:
    """Rows beside those of other runs are in no plan that a verify could compare them with."""
    if done.dry_run:
        yield "dbtool seed run"
    elif done.comparable:
        yield "dbtool seed verify"


def exported(done: Exported, command: str) -> Report:
    """What was written."""
    rows: list[tuple[Cell, ...]] = [
        (each.file, f"{each.rows:,}", f"{each.bytes / 1_000_000:,.1f}") for each in done.files
    ]
    columns = (Column("file", shrink=True), Column("rows", "right"), Column("MB", "right"))
    skipped = (f"{each.name} was skipped: {each.reason}" for each in done.plan.skipped)
    same = _same_again(done.plan)
    return Report(
        command=command,
        data=done,
        headline=f"{counted(done.plan.rows, 'row')} written to {done.directory}",
        sections=(Table(columns, tuple(rows)),),
        notes=(same, *skipped),
        next=(f"cd {shlex.quote(done.directory)} && psql -X -f load.sql YOUR_DATABASE",),
    )


def emptied(done: Emptied, command: str) -> Report:
    """What was lost."""
    rows: list[tuple[Cell, ...]] = [(each.shown, f"{each.rows:,}") for each in done.tables]
    what = "would be lost" if done.dry_run else "deleted"
    end = "" if done.dry_run else "; sequences start anew"
    columns = (Column("table", shrink=True), Column("rows lost", "right"))
    return Report(
        command=command,
        data=done,
        headline=f"{counted(done.rows, 'row')} of {counted(len(done.tables), 'table')} {what}{end}",
        sections=(Table(columns, tuple(rows)),),
        next=("dbtool seed reset",) if done.dry_run else (),
    )


def _loaded(done: Seeded) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (each.name, f"{each.rows:,}", f"{each.seconds:.2f}") for each in done.tables
    ]
    columns = (Column("table", shrink=True), Column("rows", "right"), Column("seconds", "right"))
    return Table(columns, tuple(rows))


def _notes_of_run(done: Seeded) -> Iterator[str]:
    yield _same_again(done)
    lost = ", ".join(f"{each.shown} {counted(each.rows, 'row')}" for each in done.lost)
    if done.dry_run:
        size = f"{done.would_take_bytes / 1_000_000:,.0f} MB"
        yield (
            f"a real run loads {counted(done.would_load, 'row')} in about "
            f"{duration(done.would_take_seconds)}, and they take about {size} with their indexes"
        )
    if lost:
        yield f"rows {'that would be' if done.dry_run else ''} lost: {lost}".replace("  ", " ")
    if done.mode is Mode.BULK:
        yield "foreign keys and indexes were set aside, built again and verified by the server"
    for part in done.kept_in_place:
        yield f"left in place while the rows came in: {part}"
    for skipped in done.skipped:
        yield f"{skipped.name} was skipped: {skipped.reason}"
    if done.triggers:
        yield f"triggers that fired: {', '.join(done.triggers)}"
    yield from done.drift


def _same_again(made: SeedPlan | Seeded) -> str:
    name, _, source = made.locale.partition(" ")
    locale = f"--locale {name} {source} " if name else ""
    return (
        f"the same rows again: --random-seed {made.random_seed} --as-of {made.as_of} {locale}"
        f"(generators of version {made.generator_version})"
    )


def plan(made: SeedPlan, command: str) -> Report:
    """What a run would load, column by column."""
    tables = counted(len(made.tables), "table")
    return Report(
        command=command,
        data=made,
        headline=f"{counted(made.rows, 'row')} for {tables}, parents first",
        sections=tuple(_sections(made)),
        notes=tuple(_notes_of_plan(made)),
        next=("dbtool seed run",),
    )


def _sections(made: SeedPlan) -> Iterator[Section]:
    columns = (
        Column("column"),
        Column("generator", shrink=True),
        Column("from"),
        Column("sure"),
        Column("detail", shrink=True, optional=1),
    )
    for table in made.tables:
        rows = tuple(_column(column) for column in table.columns)
        yield Table(columns, rows, title=_title(table))


def _title(table: TablePlan) -> str:
    per = f", {table.per}" if table.per else ""
    return f"{table.name}: {counted(table.rows, 'row')}{per}"


def _column(column: ColumnPlan) -> tuple[Cell, ...]:
    sure: Cell = Styled(column.confidence, _TONES[column.confidence])
    made: Cell = column.generator or Styled("left out", "muted")
    return column.name, made, column.source, sure, column.detail


def _notes_of_plan(made: SeedPlan) -> Iterator[str]:
    yield _same_again(made)
    for table in made.tables:
        for name in table.unread_checks:
            yield f"{name} of {table.name} is left to the server to judge"
        if table.triggers:
            yield f"triggers that will fire on {table.name}: {', '.join(table.triggers)}"
    for skipped in made.skipped:
        yield f"{skipped.name} is skipped: {skipped.reason}"
    yield from made.drift
