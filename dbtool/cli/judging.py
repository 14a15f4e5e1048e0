"""Bring together what migrations say of themselves, what is known of the schema, and the rules."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dbtool.cli import output
from dbtool.cli.command import Call
from dbtool.errors import UsageError
from dbtool.report import Report, counted, listed

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.lint.linted import Linted
    from dbtool.lint.measured import Measured
    from dbtool.lint.select import Rules
    from dbtool.lint.sizes import Sizes
    from dbtool.migrate.project import Project
    from dbtool.observe.baseline import Baseline
    from dbtool.statement import Migration

STDIN = "-"
STDIN_NAME = "stdin"
OLDEST, NEWEST = 15, 18
"""The versions of the server that are judged for; the newest where nobody names one."""


@dataclass(frozen=True, slots=True)
class Found:
    """The migrations to judge, with those before them, and why those.

    `from_empty` says that they begin with an empty database, so that all of it is known; `own`
    that they were named, or are known to be new.
    """

    migrations: "tuple[Migration, ...]"
    chosen: str
    notes: tuple[str, ...] = ()
    from_empty: bool = True
    own: bool = True


def names_sql(places: Sequence[str]) -> bool:
    """Whether what was named is SQL, and not revisions; raises UsageError where it is both."""
    kinds = [(each, _is_sql(each)) for each in places]
    sql = [each for each, is_sql in kinds if is_sql]
    others = [each for each, is_sql in kinds if not is_sql]
    if sql and others:
        raise UsageError(
            "give revisions or SQL, not both at once",
            detail=f"{sql[0]} is SQL, and {others[0]} would be a revision.",
            hint="Run it twice: what one file does is not in the history of the other.",
        )
    return bool(sql)


def _is_sql(place: str) -> bool:
    if "://" in place:
        raise UsageError(
            "a URL names neither a revision nor a file",
            hint="--schema URL reads the schema that SQL meets from a database.",
        )
    path = Path(place)
    return place == STDIN or path.suffix == ".sql" or path.is_dir() or _other_file(path)


def _other_file(path: Path) -> bool:
    return path.suffix != ".py" and path.is_file()


def texts(places: Sequence[str]) -> dict[str, str]:
    """What files, the scripts below directories, and stdin say, in this order."""
    from dbtool.sql import files

    texts: dict[str, str] = {}
    for place in places:
        if place == STDIN:
            texts[STDIN_NAME] = _stdin()
        else:
            texts |= {str(path): files.read(path) for path in files.scripts(Path(place))}
    return texts


def scripts(texts: Mapping[str, str], *, one_transaction: bool) -> Found:
    """Scripts of SQL as migrations, by their names."""
    from dbtool.sql.migration import migration

    found = tuple(
        migration(text, name, one_transaction=one_transaction) for name, text in texts.items()
    )
    chosen = counted(len(found), "file") if len(found) > 1 else found[0].name
    return Found(found, chosen, from_empty=False)


def _stdin() -> str:
    """The text on stdin, unless a person would have to type it."""
    from dbtool.sql.files import decoded

    if sys.stdin.isatty():
        raise UsageError(
            "there is no SQL on stdin", hint="Pipe it in: dbtool upgrade --sql | dbtool lint -"
        )
    text = decoded(sys.stdin.buffer.read(), STDIN_NAME)
    if not text.strip():
        raise UsageError("stdin is empty", hint="See what the command before the pipe says.")
    return text


def _project(call: Call, names: tuple[str, ...]) -> "Project":
    from dbtool.cli.migrate import opened

    try:
        return opened(call, offline=True)
    except UsageError as error:
        if not names and error.message == "no Alembic configuration was found":
            error.hint += "\nFor SQL: dbtool lint FILE.sql, or - for stdin."
        raise


def revisions(
    call: Call, names: tuple[str, ...], since: str | None, only: str | None = None
) -> Found:
    """Revisions as migrations, those that are named or that the main branch does not have.

    Of several databases `only` is the one they are judged for.
    """
    from dbtool.migrate.operations import operations
    from dbtool.migrate.selection import Wanted

    with output.reserved():
        wanted = Wanted(names, since or call.settings.keys.lint_since, down=True)
        found = operations(replace(_project(call, names), only=only), wanted)
    return Found(found.migrations, found.chosen, found.notes, own=found.own)


def all_new(found: Found) -> tuple[str, ...]:
    """What it means that nothing is known to be deployed."""
    migrations = found.migrations if found.from_empty else ()
    if not migrations or not all(each.judged for each in migrations):
        return ()
    return (
        "they begin with an empty database, so every table is taken for new and for nobody's yet:"
        " name the revisions that are not deployed, or leave out those that are with --since",
    )


def baseline(call: Call, option: str, text: str | None) -> "Baseline | None":
    """A schema from a file, or from the database a URL names."""
    if text is None:
        return None
    from dbtool.observe.baseline import Baseline

    if _is_url(text):
        from dbtool.observe.baseline import dump

        target = named_target(call, option, text)
        call.progress.step(f"Reading the schema of {target.shown}")
        return dump(target)
    from dbtool.sql.files import read

    return Baseline(text, read(Path(text)))


def _is_url(text: str) -> bool:
    return "://" in text or text.startswith("env:") or ("=" in text and not Path(text).exists())


def named_target(call: Call, option: str, text: str) -> "Target":
    """The database that an option names."""
    from dbtool.database.url import parse
    from dbtool.settings.environments import resolve

    return parse(*resolve(text, option, call.settings.variables))


def sizes(call: Call, text: str | None) -> "Sizes | None":
    """How large the tables are: from a file, or from the database a URL names."""
    if text is None:
        return None
    from dbtool.lint import sizes as family

    if not _is_url(text):
        return family.read_file(Path(text))
    target = named_target(call, "--stats", text)
    call.progress.step(f"Reading the sizes of the tables of {target.shown}")
    return family.read(target)


def export(call: Call, path: Path, text: str | None) -> Report:
    """Write how large the tables are to a file."""
    from dbtool.lint.sizes import read, written

    output.check_writable(path)
    target = named_target(call, "--stats", text) if text is not None else call.target
    found = read(target)
    output.write(written(found), path)
    return Report(
        command=call.command,
        data=found,
        headline=f"{path} holds the sizes of {counted(len(found.tables), 'table')} of"
        f" {target.shown}",
        next=(f"dbtool lint --stats {path}",),
    )


def rules(call: Call, select: Sequence[str] | None, ignore: Sequence[str] | None) -> "Rules":
    """The rules to ask: what the command line selects, else what the settings do."""
    from dbtool.lint.select import choose

    keys = call.settings.keys
    if select:
        return choose(parted(select), parted(ignore))
    if ignore:
        return choose(keys.lint_select, parted(ignore), ("lint.select", "--ignore"))
    return choose(keys.lint_select, keys.lint_ignore, ("lint.select", "lint.ignore"))


def parted(given: Sequence[str] | None) -> list[str]:
    """The names an option gives, with commas or repeated."""
    return [name for each in given or () for name in each.split(",") if name.strip()]


def measured(call: Call, found: Found, major: int | None, start: "Baseline | None") -> "Measured":
    """Run the migrations in a throwaway server, beginning with a schema that was given."""
    from dbtool.lint.measured import measure

    return measure(found.migrations, major=major, baseline=start, progress=call.progress)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was said of migrations, and how they were read."""

    found: Found
    linted: "Linted"
    notes: tuple[str, ...] = ()


def notes_on(found: Found, measured: "Measured | None", start: "Baseline | None") -> list[str]:
    """How the migrations were read, and what was run of them."""
    notes = [*all_new(found), *found.notes]
    if measured is not None:
        ran = counted(measured.statements, "statement")
        where = f"{ran} run in a throwaway PostgreSQL {measured.major}"
        if not found.from_empty and start is None:
            where += ", which was empty: --schema gives the one that the SQL meets"
        notes += [where, *measured.notes]
    return notes


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules, and what is known beside the migrations.

    `major` is the server they judge for where it is named, `known` the schema SQL begins with.
    """

    rules: "Rules"
    major: int | None = None
    known: "Baseline | None" = None
    sizes: "Sizes | None" = None

    def __call__(self, found: Found, measured: "Measured | None" = None) -> "Linted":
        """Judge the migrations, with what was measured of them."""
        from dbtool.lint.run import lint
        from dbtool.lint.schema import Schema

        migrations = found.migrations
        if self.known is not None:
            migrations = (_as_migration(self.known), *migrations)
        linted = lint(
            migrations,
            schema=Schema(complete=found.from_empty or self.known is not None),
            server=measured.major if measured else self.major or self._of_sizes() or NEWEST,
            rules=self.rules,
            measured=measured,
        )
        if self.sizes is not None:
            from dbtool.lint.sized import sized

            linted = sized(linted, self.sizes)
        return replace(
            linted,
            chosen=found.chosen,
            known_from=self.known.name if self.known else "",
            replayed=linted.replayed - (self.known is not None),
        )

    def notes(self, linted: "Linted") -> tuple[str, ...]:
        """Which of the tables that are held up have no size, where sizes were asked for."""
        if self.sizes is None:
            return ()
        from dbtool.lint.sized import uncounted

        names = [str(each) for each in uncounted(linted, self.sizes)]
        said = f"the sizes do not say how large {listed(names)}"
        are = "is" if len(names) == 1 else "are"
        return (f"{said} {are}: ANALYZE counts rows, then read the sizes again",) if names else ()

    def _of_sizes(self) -> int | None:
        """The server that the sizes are from, where it is one that is judged for."""
        return self.sizes.server if self.sizes and OLDEST <= self.sizes.server <= NEWEST else None


def _as_migration(known: "Baseline") -> "Migration":
    from dbtool.sql.migration import migration

    return replace(migration(known.sql, known.name), judged=False, gaps=())
