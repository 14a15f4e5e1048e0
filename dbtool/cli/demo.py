"""`dbtool demo`: the main job, on a PostgreSQL that dbtool starts itself."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.report import Report, Section

PANEL = "Set-up"

DATABASE = "demo"
ROWS = 5000
QUERY = (
    "SELECT p.id, p.published_at, u.email FROM posts p JOIN users u ON u.id = p.author_id "
    "WHERE p.title = 'A history of society'"
)
"""Nothing indexes the titles: the finding shows what a missing index costs and how to add it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the demonstration, how long it took, and its result."""

    command: str
    seconds: float
    result: object


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What `dbtool demo` did, step by step; `kept` says that the server goes on."""

    database: str
    kept: bool
    seconds: float
    steps: tuple[Step, ...]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, PANEL)(demo)


def demo(
    call: Call,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Leave the database for playing, on the server of dbtool local."
        ),
    ] = False,
) -> "Report":
    """Migrate, seed, explain and check a PostgreSQL that dbtool starts and removes itself.

    Needs no configuration and looks at none: no other database is ever touched. With --keep
    the database stays, on the server of dbtool local.
    """
    from dbtool.report import Report

    _forget_surroundings()
    began = time.perf_counter()
    reports: list[Report] = []
    steps: list[Step] = []
    with _database(call, keep) as target:
        for words, work in _jobs(call, target):
            call.progress.step(f"dbtool {words}")
            start = time.perf_counter()
            reports.append(work())
            steps.append(Step(f"dbtool {words}", time.perf_counter() - start, reports[-1].data))
        seconds = time.perf_counter() - began
        done = Demonstration(target.shown, keep, seconds, tuple(steps))
    return Report(
        command=call.command,
        data=done,
        headline=_headline(done),
        sections=tuple(_sections(steps, reports)),
        findings=tuple(finding for each in reports for finding in each.findings),
        unknowns=tuple(unknown for each in reports for unknown in each.unknowns),
        next=_next(keep),
        judged=True,
    )


def _forget_surroundings() -> None:
    """Drivers read variables of libpq that no URL overrides, such as a TLS mode to insist on."""
    from dbtool.database.libpq import NAMING

    for name in NAMING:
        os.environ.pop(name, None)


def _headline(done: Demonstration) -> str:
    from dbtool.report import duration

    took = duration(done.seconds)
    what = f"a PostgreSQL was started, migrated, seeded and queried in {took}"
    return f"{what}; the database {done.database} stays" if done.kept else f"{what}, and removed"


def _jobs(call: Call, target: "Target") -> Iterator[tuple[str, "Callable[[], Report]"]]:
    yield "upgrade", lambda: _upgrade(call, target)
    yield f"seed --rows {ROWS}", lambda: _seed(call, target)
    yield "pool", lambda: _pool(target)
    yield f'explain "{QUERY}"', lambda: _explain(target)


@contextmanager
def _database(call: Call, keep: bool) -> "Iterator[Target]":
    from dbtool.scratch import local
    from dbtool.scratch.server import throwaway
    from dbtool.settings.project import root_here

    if keep:
        started = local.start(root := root_here(), progress=call.progress)
        yield _created(started.target or local.target(root))
        return
    call.progress.step("starting a PostgreSQL of our own")
    with throwaway() as server:
        yield server.create_database(DATABASE)


def _created(server: "Target") -> "Target":
    from dbtool.database.sync import SyncConnection
    from dbtool.errors import OperationError

    with SyncConnection(server) as connection:
        exists = "SELECT true FROM pg_database WHERE datname = $1"
        if connection.fetchval(exists, DATABASE):
            raise OperationError(
                f'the local server holds a database "{DATABASE}" already',
                detail="An earlier dbtool demo --keep left it.",
                hint="Go on with it, or drop it first: "
                f'dbtool local psql -- -c "DROP DATABASE {DATABASE}"',
            )
        connection.execute(f"CREATE DATABASE {DATABASE}")
    return server.with_database(DATABASE)


def _upgrade(call: Call, target: "Target") -> "Report":
    import json

    from dbtool.example.history import script_location
    from dbtool.files import temporary_directory
    from dbtool.migrate import upgrade, view
    from dbtool.migrate.location import Place
    from dbtool.migrate.project import Project

    with temporary_directory("dbtool-demo-") as directory:
        toml = directory / "pyproject.toml"
        location = str(script_location())
        toml.write_text(f"[tool.alembic]\nscript_location = {json.dumps(location)}\n", "utf-8")
        place = Place(None, toml, "alembic", directory, options={"script_location": location})
        return view.upgraded(upgrade.upgrade(Project(place, target=target)), call.command)


def _seed(call: Call, target: "Target") -> "Report":
    from dbtool import metadata
    from dbtool.seed import run, view
    from dbtool.seed.plan import Request

    # Neither the settings nor the modules of whatever project the user stands in.
    installed = Path(__file__).resolve().parents[2]
    models = metadata.load(("dbtool.example:Base",), installed)
    return view.seeded(run.seed(target, models, Request(rows=ROWS)), call.command)


def _pool(target: "Target") -> "Report":
    from dbtool.health import pool, view

    return view.pool_report(pool.read(target))


def _explain(target: "Target") -> "Report":
    from dbtool.explain import run, view

    return view.report(run.explain(target, QUERY))


def _sections(steps: list[Step], reports: "list[Report]") -> "Iterator[Section]":
    from dbtool.report import Code, Text

    for step, report in zip(steps, reports, strict=True):
        yield Code("shell", f"$ {step.command}")
        yield Text(report.headline)
        yield from report.sections


def _next(keep: bool) -> tuple[str, ...]:
    if not keep:
        return ("dbtool demo --keep", "dbtool init", "dbtool --help")
    return (
        f'export DATABASE_URL="$(dbtool local url {DATABASE})"',
        "dbtool pool",
        'dbtool explain "SELECT count(*) FROM comments"',
        f"dbtool local psql -- {DATABASE}",
        "dbtool local stop",
    )
