"""Write new revision files: empty, or merging heads."""

import io
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import alembic
from alembic.autogenerate import RevisionContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError, rev_id

from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.migrate.compare import (
    arguments,
    options_for,
    prepared,
)
from dbtool.migrate.environment import Loaded, load, run
from dbtool.migrate.history import Revision, of_script
from dbtool.migrate.importing import complete
from dbtool.migrate.listener import Offline
from dbtool.migrate.location import relative
from dbtool.migrate.lookup import all_scripts, resolve
from dbtool.migrate.project import Project
from dbtool.migrate.session import Session
from dbtool.ports import Progress, Silent

T = TypeVar("T")
_TEMPLATE = Path(alembic.__file__).parent / "templates/generic/script.py.mako"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new revision is to be; the names are those of Alembic's options."""

    message: str | None = None
    head: str = "head"
    splice: bool = False
    branch_label: str | None = None
    version_path: str | None = None
    rev_id: str | None = None
    depends_on: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        """The options as Alembic's command line has them."""
        named = {
            "--message": self.message,
            "--head": None if self.head == "head" else self.head,
            "--branch-label": self.branch_label,
            "--version-path": self.version_path,
            "--rev-id": self.rev_id,
        }
        words = [f"{name}={value}" for name, value in named.items() if value is not None]
        words += ["--splice"] if self.splice else []
        return (*words, *(f"--depends-on={each}" for each in self.depends_on))

    def arguments(self, *, autogenerate: bool) -> dict[str, Any]:
        """The arguments of `alembic revision`."""
        return arguments(
            message=self.message,
            autogenerate=autogenerate,
            head=self.head,
            splice=self.splice,
            branch_label=self.branch_label,
            version_path=self.version_path,
            rev_id=self.rev_id,
            depends_on=list(self.depends_on) or None,
        )


@dataclass(frozen=True, slots=True)
class Created:
    """The revision files that were written; `imported` are modules the template lacks."""

    revisions: tuple[Revision, ...]
    imported: tuple[str, ...] = ()


def create(
    project: Project, wish: Wish, progress: Progress | None = None, *, sql: bool = False
) -> Created:
    """Write an empty revision; env.py runs only where the configuration says so."""
    words = ("revision", *(("--sql",) if sql else ()), *wish.words())
    loaded = load(project, words, io.StringIO() if sql else None)
    refuse_known(loaded.script, wish)
    comparison = prepared(loaded, {**wish.arguments(autogenerate=False), "sql": sql})
    if not runs_env(project):
        if sql:
            raise UsageError(
                "revision --sql runs env.py, and the configuration does not ask for that",
                hint="Leave --sql out, or set revision_environment = true.",
            )
        return _write(loaded, comparison)
    if not sql:
        return _through_env(project, wish, words, progress)

    def work(at: tuple[str, ...], context: MigrationContext) -> list[RevisionStep]:
        comparison.run_no_autogenerate(at, context)
        return []

    run(loaded, work, Offline(), as_sql=True, **options_for(comparison))
    return _write(loaded, comparison)


def refuse_known(script: ScriptDirectory, wish: Wish) -> None:
    """A second revision of one id would leave the whole history unreadable."""
    scripts = resolve(script, lambda: all_scripts(script)) if wish.rev_id else []
    for each in scripts:
        if each.revision == wish.rev_id:
            raise UsageError(
                f"revision {wish.rev_id} exists already",
                detail=f"It is {relative(Path(each.path))}.",
                hint="Give --rev-id another id, or leave it out.",
            )


def runs_env(project: Project) -> bool:
    """Whether even an empty revision runs env.py, which may connect."""
    return project.place.flag("revision_environment")


def _through_env(
    project: Project, wish: Wish, words: tuple[str, ...], progress: Progress | None
) -> Created:
    with Session(project, progress or Silent(), reading=True) as session:
        held: list[tuple[Loaded, RevisionContext]] = []

        def options(loaded: Loaded) -> dict[str, object]:
            comparison = prepared(loaded, wish.arguments(autogenerate=False))
            held.append((loaded, comparison))
            return options_for(comparison)

        def look(_: ScriptDirectory, at: tuple[str, ...], context: MigrationContext) -> None:
            held[0][1].run_no_autogenerate(at, context)

        session.look(words, look, options)
        return _write(*held[0])


def _write(loaded: Loaded, comparison: RevisionContext) -> Created:
    """Let Alembic fill the team's template and run its hooks."""
    return _writing(loaded, lambda: list(comparison.generate_scripts()))


def merge(
    project: Project, revisions: tuple[str, ...], wish: Wish, progress: Progress | None = None
) -> Created:
    """Write a revision in which several heads meet; env.py runs where the configuration says so."""
    words = ("merge", *wish.words(), "--", *revisions)
    loaded = load(project, words)
    refuse_known(loaded.script, wish)
    given = list(revisions) if len(revisions) > 1 else revisions[0]
    arguments: dict[str, Any] = {"config": loaded.config}
    if runs_env(project):
        with Session(project, progress or Silent(), reading=True) as session:
            session.look(words, lambda *_: None, lambda _: {"template_args": arguments})

    def generate() -> list[Script | None]:
        return [
            loaded.script.generate_revision(
                wish.rev_id or rev_id(),
                wish.message,
                head=given,
                branch_labels=wish.branch_label,
                splice=wish.splice,
                refresh=True,
                **arguments,
            )
        ]

    return _writing(loaded, generate)


def _writing(loaded: Loaded, generate: Callable[[], list[Script | None]]) -> Created:
    return written(loaded.script, loaded.project, generate)


def written(
    script: ScriptDirectory, project: Project, generate: Callable[[], list[Script | None]]
) -> Created:
    """Have files written, and say in the user's terms what is in the way."""
    script.messaging_opts = {"quiet": True}
    with chdir(project.place.base), Offline():
        resolve(script, lambda: script.revision_map.heads)
        try:
            files = resolve(script, lambda: on_disk(generate))
        except UsageError as error:
            raise _beside_heads(_from_hook(error)) from error
        scripts = [each for each in files if each is not None]
        imported = [module for each in scripts for module in complete(Path(each.path))]
        return Created(tuple(map(of_script, scripts)), imported=tuple(dict.fromkeys(imported)))


def on_disk(generate: Callable[[], T]) -> T:
    """The history was read before: what the disk refuses now is the new file, or its template."""
    try:
        return generate()
    except OSError as error:
        if error.filename is None:
            raise
        reads = str(error.filename).endswith(".mako")
        raise OperationError(
            f'cannot {"read" if reads else "write"} "{relative(Path(error.filename))}"',
            detail=f"{error.strerror}. No revision was made.",
            hint=f"Restore it, or copy Alembic's own: {_TEMPLATE}" if reads else "",
        ) from error


def _beside_heads(error: DbtoolError) -> DbtoolError:
    """A new revision follows one head, or several have to be joined first."""
    if "is not one revision" in error.message:
        hint = "Say which it follows: --head ID; or join them first: dbtool merge heads."
        return UsageError(error.message, detail=error.detail, hint=hint)
    return error


def _from_hook(error: UsageError) -> UsageError | OperationError:
    """A post-write hook, or the template, failed after the arguments were found good."""
    cause = error.__cause__
    if isinstance(cause, CommandError) and "hook" in str(cause).lower():
        return OperationError(
            "a post-write hook failed",
            detail=str(cause),
            hint="The revision file is written; see [post_write_hooks] in the configuration.",
        )
    return error
