"""Judge pending revisions for the code that still runs: the models of the last release, in git."""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dbtool.errors import OperationError, UsageError
from dbtool.files import temporary_directory
from dbtool.finding import Finding, Location, Rule, Unknown, judge
from dbtool.migrate.operations import operations
from dbtool.migrate.project import Project
from dbtool.migrate.released_models import ReleasedColumn, ReleasedTable
from dbtool.migrate.rules import (
    column_dropped_in_use,
    column_renamed_in_use,
    default_dropped_in_use,
    not_null_in_use,
    required_column_unknown,
    table_dropped_in_use,
    table_renamed_in_use,
    type_changed_in_use,
)
from dbtool.migrate.selection import Wanted
from dbtool.migrate.unmerged import Git
from dbtool.migrate.use import Use
from dbtool.statement import Migration, Taken

RULES: tuple[Rule[Use], ...] = (
    table_dropped_in_use,
    table_renamed_in_use,
    column_dropped_in_use,
    column_renamed_in_use,
    type_changed_in_use,
    required_column_unknown,
    not_null_in_use,
    default_dropped_in_use,
)
_MODULE = "dbtool.migrate.released_models"

Taking = Callable[[Sequence[Migration]], Iterable[Taken]]
"""What migrations take from older code, told by whoever reads SQL."""


@dataclass(frozen=True, slots=True)
class Released:
    """What the revisions a release lacks would take from its code."""

    release: str
    commit: str
    revisions: tuple[str, ...]
    tables: int
    findings: tuple[Finding, ...]
    unknowns: tuple[Unknown, ...]


def check_released(project: Project, name: str, taking: Taking) -> Released:
    """Judge the revisions that the release does not have, one thing taken away after the other."""
    git = Git(str(project.root.absolute()))
    commit = git.commit(name)
    found = operations(project, Wanted(released=name))
    pending = tuple(each for each in found.migrations if each.judged)
    tables = models_of(project, git, name, commit) if pending else ()
    findings: list[Finding] = []
    for each in taking(pending) if pending else ():
        if (use := _use(each, tables, name)) is not None:
            findings += judge(RULES, use)[0]
    findings.sort(key=lambda finding: -finding.severity)
    revisions = tuple(each.name for each in pending)
    return Released(name, commit, revisions, len(tables), tuple(findings), (*_unread(pending),))


def _use(taken: Taken, tables: Sequence[ReleasedTable], release: str) -> Use | None:
    """What the released code does with a thing; None where it has no such table."""
    fitting = (
        each
        for each in tables
        if each.name == taken.table
        and (not taken.schema or taken.schema == (each.schema or "public"))
    )
    table = next(fitting, None)
    if table is None:
        return None
    return Use(taken, release, table, table.column(taken.column) if taken.column else None)


def _unread(pending: Sequence[Migration]) -> Iterator[Unknown]:
    for each in pending:
        for gap in each.gaps:
            yield Unknown(
                rule="not-read",
                reason=f"{each.name}: {gap.reason}",
                decide="dbtool upgrade --sql --from-scratch shows what would run",
                location=Location(each.file, gap.line),
            )


def models_of(project: Project, git: Git, name: str, commit: str) -> tuple[ReleasedTable, ...]:
    """The tables of the released models, imported from a copy of the release and nowhere else."""
    if not project.models:
        raise UsageError(
            "no models are named",
            detail="What the release uses is read from its models.",
            hint='Add models = "package.module:Base" to the settings.',
        )
    with temporary_directory("dbtool-released-") as directory:
        copy = directory.resolve()
        _unpack(git, commit, name, copy)
        below = project.root.absolute().resolve().relative_to(Path(git.top).resolve())
        ini = project.place.ini
        config = _within(ini, project.root, copy / below) if ini is not None else ""
        answer = _ask(copy / below, config, project.models)
    if "error" in answer:
        raise UsageError(
            f"the models of {name} cannot be read: {answer['error']}",
            detail=str(answer.get("detail", "")).replace(f"{copy}/", f"{name}:"),
            hint=str(answer.get("hint", ""))
            or "Do the installed packages still fit the release? Name a newer one.",
        )
    return tuple(_table(each) for each in answer["tables"])


def _within(ini: Path, root: Path, copy: Path) -> str:
    """Alembic's configuration in the copy, where it lies inside the project."""
    own, base = ini.absolute(), root.absolute()
    inside = copy / own.relative_to(base) if own.is_relative_to(base) else None
    return str(inside) if inside is not None and inside.exists() else ""


def _unpack(git: Git, commit: str, name: str, directory: Path) -> None:
    """A copy of the files of a commit; its working tree, index and locks are left alone."""
    archive = Git(git.top).ask("archive", "--format=tar", commit)
    if archive is None:
        raise OperationError(
            f"git cannot give the files of {name}",
            detail="git archive failed: objects may be missing in a shallow or partial clone.",
            hint="Fetch the whole of it: git fetch --tags --unshallow.",
        )
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extraction_filter = getattr(tarfile, "tar_filter", None)
        tar.extractall(directory)


def _ask(directory: Path, config: str, specs: Sequence[str]) -> dict[str, Any]:
    """Have a process of its own import them; -P keeps the working tree out of its path."""
    command = (sys.executable, "-P", "-m", _MODULE, str(directory), config, *specs)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=None, check=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return {"error": f"the process that imported them ended with {done.returncode}"}
    return answer if isinstance(answer, dict) else {"error": "they could not be told"}


def _table(said: dict[str, Any]) -> ReleasedTable:
    columns = tuple(ReleasedColumn(**each) for each in said["columns"])
    return ReleasedTable(**{**said, "columns": columns})
