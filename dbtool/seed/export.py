"""Write planned rows as COPY files with a psql script that loads them, and a manifest."""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.files import replace_directory
from dbtool.metadata import Models
from dbtool.ports import Progress
from dbtool.seed import order
from dbtool.seed.build import build
from dbtool.seed.load import Advance
from dbtool.seed.plan import Load, Planned, Request, SeedPlan
from dbtool.seed.run import opened, refuse_nothing
from dbtool.seed.survey import survey
from dbtool.sql.text import quoted

LOADER, MANIFEST = "load.sql", "manifest.json"


@dataclass(frozen=True, slots=True)
class File:
    """One file of rows."""

    table: str
    file: str
    columns: tuple[str, ...]
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written where."""

    directory: str
    plan: SeedPlan
    files: tuple[File, ...]

    @property
    def bytes(self) -> int:
        """All files of rows together."""
        return sum(each.bytes for each in self.files)


def export(
    target: Target, models: Models, request: Request, directory: Path, progress: Progress
) -> Exported:
    """Write the rows a run would load into empty tables like those of `target`.

    The directory is there whole or not at all.
    """
    _refuse_foreign(directory)
    with opened(target, read_only=True) as session:
        found = session.run(lambda it: survey(it, models, request, writing=False))
    planned = build(replace(found, first_blocks={}), request)
    refuse_nothing(planned, request)
    order.refuse_absent(planned.absent)
    directory = directory.resolve()
    part = directory.with_name(f".{directory.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        files = _files(planned, part, progress)
        (part / LOADER).write_text(_loader(planned, files), encoding="utf-8")
        (part / MANIFEST).write_text(_manifest(planned.plan, files), encoding="utf-8")
        replace_directory(directory, by=part)
    except OSError as error:
        why = error.strerror or str(error)
        raise OperationError(
            f'cannot write to "{directory}"', detail=f"{why}. Nothing was exported."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Exported(str(directory), planned.plan, files)


def _refuse_foreign(directory: Path) -> None:
    """An export replaces an earlier one, and nothing else."""
    if not directory.exists():
        return
    there = {each.name for each in directory.iterdir()} if directory.is_dir() else {"."}
    try:
        made = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        known = {MANIFEST, LOADER, *(each["file"] for each in made["files"])}
    except (OSError, ValueError, LookupError, TypeError):
        known = set()
    if foreign := sorted(there - known):
        raise UsageError(
            f'"{directory}" holds what no export wrote',
            detail=f"There is {', '.join(foreign[:3])}. Nothing was written.",
            hint="Name a directory that is empty or new, or that holds an earlier export.",
        )


def _files(planned: Planned, directory: Path, progress: Progress) -> tuple[File, ...]:
    progress.step(f"writing {planned.plan.rows:,} rows")
    advance = Advance(progress, planned.plan.rows)
    return tuple(
        _file(each, directory, number, advance)
        for number, each in enumerate(planned.loads, 1)
        if each.population.count
    )


def _file(each: Load, directory: Path, number: int, advance: Advance) -> File:
    name = f"{number:03d}_{re.sub(r'[^A-Za-z0-9_.-]', '_', each.table.shown)}.copy"
    digest, size = hashlib.sha256(), 0
    with (directory / name).open("wb") as file:
        for block in each.population.blocks:
            rows = each.population.block(block)
            data = rows.lines().encode()
            digest.update(data)
            size += file.write(data)
            advance(rows.size)
    columns = tuple(each.population.generators)
    count = each.population.count
    return File(each.table.name, name, columns, count, size, digest.hexdigest())


def _loader(planned: Planned, files: Sequence[File]) -> str:
    """A script for psql: one transaction, then fresh statistics."""
    copies = [
        f"\\copy {each.table} ({', '.join(map(quoted, each.columns))}) FROM '{each.file}'"
        for each in files
    ]
    sequences = [
        f"SELECT setval({_literal(sequence.name)}, greatest({sequence.last}, "
        f"coalesce(pg_sequence_last_value({_literal(sequence.name)}), 1))) AS last \\gset"
        for each in planned.loads
        if each.population.count
        for sequence in each.sequences
    ]
    lines = [
        "-- Rows made by dbtool seed export, for empty tables. In this directory:",
        f"-- psql -X -f {LOADER} YOUR_DATABASE",
        "\\set ON_ERROR_STOP on",
        "\\encoding UTF8",
        "BEGIN;",
        "SET LOCAL statement_timeout = 0;",
        *(["SET CONSTRAINTS ALL DEFERRED;"] if planned.deferred else []),
        *copies,
        *sequences,
        "COMMIT;",
        f"ANALYZE {', '.join(each.table for each in files)};",
    ]
    return "\n".join(lines) + "\n"


def _literal(name: str) -> str:
    doubled = name.replace("'", "''")
    return f"'{doubled}'::regclass"


def _manifest(plan: SeedPlan, files: Sequence[File]) -> str:
    said = {
        "plan": plan.fingerprint,
        "random_seed": plan.random_seed,
        "generator_version": plan.generator_version,
        "as_of": str(plan.as_of),
        "locale": plan.locale,
        "rows": plan.rows,
        "loader": LOADER,
        "files": [asdict(each) for each in files],
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"
