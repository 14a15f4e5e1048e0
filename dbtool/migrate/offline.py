"""Render migrations as SQL, without any connection."""

import io
from collections.abc import Callable, Iterable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.imports import without_passwords
from dbtool.migrate.environment import load, run
from dbtool.migrate.failure import Scene, explain
from dbtool.migrate.listener import Offline
from dbtool.migrate.literals import holds_parameters
from dbtool.migrate.lookup import resolve
from dbtool.migrate.project import Project
from dbtool.migrate.ranges import split_range
from dbtool.migrate.record import Record, Table, follow
from dbtool.migrate.upgrade import tagged
from dbtool.report import listed

_WAY_OUT = "--sql --from-scratch runs it in a throwaway server and records the statements."
Steps = Callable[[ScriptDirectory, tuple[str, ...]], Iterable[RevisionStep]]


@dataclass(frozen=True, slots=True)
class Script:
    """Migrations as SQL; `with_parameters` are revisions whose statements lack their values."""

    sql: str
    with_parameters: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What whoever runs it has to know."""
        if not self.sql.strip():
            return "env.py wrote no SQL to the standard output; perhaps to files of its own"
        if not self.with_parameters:
            return ""
        return (
            f"the SQL of {listed(self.with_parameters)} has placeholders where values belong, and"
            " no database takes it so; let env.py pass literal_binds=True to context.configure,"
            " or add --from-scratch"
        )


def upgrade_sql(project: Project, revision: str, tag: str | None = None) -> Script:
    """The SQL of an upgrade from the base, or of a range `from:to`."""
    start, end = split_range(revision)
    words = ("upgrade", "--sql", *tagged(tag), "--", revision)
    options = {"starting_rev": start or None, "destination_rev": end, "tag": tag}
    return _render(project, words, lambda script, at: script._upgrade_revs(end, at), options)  # type: ignore[arg-type]


def downgrade_sql(project: Project, revision: str, tag: str | None = None) -> Script:
    """The SQL of a downgrade over a range `from:to`."""
    start, end = split_range(revision, needed=True)
    words = ("downgrade", "--sql", *tagged(tag), "--", revision)
    options = {"starting_rev": start or None, "destination_rev": end, "tag": tag}
    return _render(project, words, lambda script, at: script._downgrade_revs(end, at), options)  # type: ignore[arg-type]


def stamp_sql(project: Project, revisions: tuple[str, ...], tag: str | None = None) -> Script:
    """The SQL that records revisions; `from:to` says where it begins."""
    starts = {each.rpartition(":")[0] for each in revisions if ":" in each}
    if len(starts) > 1:
        raise UsageError("stamp --sql begins at one revision", detail=", ".join(sorted(starts)))
    ends = tuple(each.rpartition(":")[2] for each in revisions)
    words = ("stamp", "--sql", *tagged(tag), "--", *revisions)
    options = {"starting_rev": next(iter(starts), None), "destination_rev": ends, "tag": tag}

    def steps(script: ScriptDirectory, at: tuple[str, ...]) -> list[RevisionStep]:
        return cast("list[RevisionStep]", script._stamp_revs(ends, at))

    return _render(project, words, steps, options)


def ensure_version_sql(project: Project) -> Script:
    """The SQL that creates the version table."""

    def steps(_: ScriptDirectory, __: tuple[str, ...]) -> list[RevisionStep]:
        return []

    return _render(project, ("ensure_version", "--sql"), steps, {}, create=True)


def _render(
    project: Project,
    words: tuple[str, ...],
    steps: Steps,
    options: Mapping[str, object],
    *,
    create: bool = False,
) -> Script:
    buffer, record = io.StringIO(), Record()
    loaded, listener = load(project, words, buffer), Offline()
    unrendered: list[str] = []

    def work(heads: tuple[str, ...], context: MigrationContext) -> Iterable[RevisionStep]:
        if create:
            context._ensure_version_table()
        try:
            found = resolve(loaded.script, lambda: list(steps(loaded.script, heads)))
        except DbtoolError as error:
            listener.refuse(error)
        table = record.begin(context, heads, found)
        if not context.impl.literal_binds:
            _notice_parameters(context, table, unrendered)
        return follow(table, context, found, lambda _: None)

    try:
        run(loaded, work, listener, as_sql=True, **options)
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        with chdir(project.place.base):
            told = _failed(error, record, Path(loaded.script.env_py_location))
            raise _with_way_out(told, words[0]) from error
    return Script(buffer.getvalue(), tuple(dict.fromkeys(unrendered)))


def _notice_parameters(context: MigrationContext, table: Table, found: list[str]) -> None:
    """Note which revisions leave placeholders in the SQL; Alembic says nothing of it."""
    render = context.impl._exec

    def noticed(construct: Any, *arguments: Any, **named: Any) -> Any:
        if table.running is not None and holds_parameters(construct, context.dialect):
            found.append(table.running.revision)
        return render(construct, *arguments, **named)

    context.impl._exec = noticed  # type: ignore[method-assign]


def _failed(error: BaseException, record: Record, env: Path) -> DbtoolError:
    """Rendering changes nothing, so only the revision and the place matter."""
    step = record.running.running if record.running else None
    if step is None or isinstance(error, DbtoolError):
        return explain(error, Scene(record, "", env))
    said = without_passwords(str(error).strip().partition("\n")[0])
    return OperationError(
        f"revision {step.revision} ({step.message}) cannot be rendered as SQL",
        detail=f"{step.file}: {type(error).__name__}: {said}",
        hint="A revision that reads from the database cannot run offline.",
    )


def _with_way_out(error: DbtoolError, verb: str) -> DbtoolError:
    """What cannot be rendered may still be run, and recorded."""
    if verb in ("upgrade", "downgrade") and isinstance(error, OperationError):
        error.hint = f"{error.hint} {_WAY_OUT}".lstrip()
    return error
