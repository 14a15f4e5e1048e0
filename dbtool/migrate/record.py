"""What one run of env.py did: version table by version table, revision by revision."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import text
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.errors import OperationError
from dbtool.migrate.destination import one_by_one
from dbtool.migrate.location import relative_name

_SCHEMA = text(
    """
    SELECT coalesce(
        (SELECT n.nspname FROM pg_catalog.pg_class c
           JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(:name))),
        pg_catalog.current_schema())
    """
)


@dataclass(frozen=True, slots=True)
class Step:
    """One revision that is to run, or has run.

    Of one that has run: what its last attempt took and did, how many attempts there were, a
    statement tried again being one too, and the seconds all of them waited for locks.
    """

    revision: str
    message: str
    file: str
    version_table: str
    seconds: float | None = None
    statements: int | None = None
    rows: int | None = None
    attempts: int | None = None
    at_locks: float | None = None


@dataclass(slots=True)
class Table:
    """One version table, and what happened to it."""

    name: str
    schema: str | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    planned: tuple[Step, ...] = ()
    done: list[Step] = field(default_factory=list)
    running: Step | None = None
    left: set[str] = field(default_factory=set)
    verifying: bool = False
    error: BaseException | None = field(default=None, repr=False)
    is_recorded: bool = False
    engine: object = None
    reached: list[tuple[str, ...]] = field(default_factory=list)

    def stayed(self, now: tuple[str, ...] | None) -> tuple[Step, ...]:
        """What of it is committed where the table records this now."""
        if now is None or now == self.before or now not in self.reached:
            return ()
        return tuple(self.done[: len(self.reached) - self.reached[::-1].index(now)])

    @property
    def left_transaction(self) -> bool:
        """Whether the revision that runs has left its transaction, which committed its work."""
        return self.running is not None and self.running.revision in self.left

    @property
    def following(self) -> Step | None:
        """The revision that is to run behind the one that runs."""
        place = len(self.done) + 1
        return self.planned[place] if place < len(self.planned) else None

    def leaves_transaction(self) -> None:
        """The revision that runs commits before it is recorded."""
        if self.running is not None:
            self.left.add(self.running.revision)

    @property
    def shown(self) -> str:
        """The table as it is printed."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


Asked = frozenset[tuple[str, str]]
"""Version tables and revisions that somebody has agreed to; no more than these may run."""


def asked(steps: Iterable[Step]) -> Asked:
    """What somebody agrees to who agrees to these steps."""
    return frozenset((each.version_table, each.revision) for each in steps)


@dataclass(slots=True)
class Record:
    """What one run of env.py did; most have one version table, a schema-per-tenant one many."""

    tables: list[Table] = field(default_factory=list)
    purged: tuple[str, ...] | None = None

    @property
    def running(self) -> Table | None:
        """The version table whose revision is running, or was when the run ended."""
        return next((each for each in self.tables if each.running), None)

    @property
    def executing(self) -> Table | None:
        """The same, unless what runs is only a revision's check of itself."""
        running = self.running
        return None if running is not None and running.verifying else running

    @property
    def before(self) -> tuple[str, ...]:
        """Where the database stood."""
        return (
            self.purged if self.purged is not None else _union(each.before for each in self.tables)
        )

    @property
    def after(self) -> tuple[str, ...]:
        """Where the database should stand."""
        return _union(each.after for each in self.tables)

    @property
    def planned(self) -> tuple[Step, ...]:
        """Every revision that is to run."""
        return tuple(step for each in self.tables for step in each.planned)

    @property
    def done(self) -> tuple[Step, ...]:
        """Every revision that ran."""
        return tuple(step for each in self.tables for step in each.done)

    @property
    def left_half_done(self) -> bool:
        """Whether a revision ended in the middle with some of its work committed."""
        return self.running is not None and self.running.left_transaction

    @property
    def asked(self) -> Asked:
        """What somebody agrees to who agrees to what is planned."""
        return asked(self.planned)

    def continues(self, earlier: "Record") -> None:
        """What an attempt before had committed belongs to the same run."""
        for table in self.tables:
            for before in earlier.tables:
                if before.shown == table.shown and before.done:
                    again = {each.revision for each in table.planned}
                    stayed = [each for each in before.done if each.revision not in again]
                    table.before = before.before if stayed else table.before
                    table.done[:0] = stayed

    def begin(
        self, context: MigrationContext, heads: tuple[str, ...], steps: Iterable[RevisionStep]
    ) -> Table:
        """Note that Alembic is at work on a version table."""
        table = Table(
            name=context.version_table,
            schema=_schema(context),
            before=tuple(sorted(heads)),
            after=tuple(sorted(heads)),
            engine=None if context.as_sql else getattr(context.connection, "engine", None),
        )
        self._refuse_second_engine(table)
        for each in self.tables:
            if each.shown == table.shown:
                each.running = None  # env.py tries again by itself
        table.planned = tuple(_step(each, table) for each in steps)
        self.tables.append(table)
        return table

    def _refuse_second_engine(self, table: Table) -> None:
        """Two engines are two databases to env.py; here they would meet in one."""
        for other in self.tables:
            if other.shown == table.shown and other.engine is not table.engine:
                raise OperationError(
                    "env.py migrates two databases, and one is named",
                    detail=f"Two of its engines lead to {table.shown} of the same database.",
                    hint=one_by_one(),
                )


@dataclass(frozen=True, slots=True)
class Recording:
    """The statements by which Alembic records a revision in one version table."""

    table: Table
    name: str

    def way(self, statement: str) -> str:
        """The first word of such a statement; empty for any other."""
        for word, start in (
            ("UPDATE", f"UPDATE {self.name} SET version_num="),
            ("INSERT", f"INSERT INTO {self.name} (version_num)"),
            ("DELETE", f"DELETE FROM {self.name} WHERE"),
        ):
            if statement.startswith(start):
                return word
        return ""


def driver_connection(context: MigrationContext) -> DBAPIConnection:
    """The driver's own connection that Alembic works on."""
    assert context.connection is not None
    driver = context.connection.connection.dbapi_connection
    assert driver is not None
    return driver


def version_table_in_sql(context: MigrationContext) -> str:
    """The version table as Alembic's own statements name it."""
    quote = context.dialect.identifier_preparer.quote
    name, schema = quote(context._version.name), _named_schema(context)
    return f"{quote(schema)}.{name}" if schema else name


def _union(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for group in groups for each in group))


def _schema(context: MigrationContext) -> str | None:
    """The schema in which the version table is, or would be created."""
    if context.as_sql or context.connection is None:
        return context.version_table_schema
    if schema := _named_schema(context):
        return schema
    found: str | None = context.connection.scalar(_SCHEMA, {"name": context.version_table})
    return found


def _named_schema(context: MigrationContext) -> str | None:
    """The schema that Alembic's own statements name."""
    named = context._version.schema
    assert context.connection is not None
    translated = context.connection.get_execution_options().get("schema_translate_map") or {}
    schema: str | None = translated.get(named, named)
    return schema


def _step(step: RevisionStep, table: Table) -> Step:
    script = getattr(step, "revision", None)
    if script is None:
        target = ", ".join(step.to_revisions) or "base"
        return Step(target, "", "", table.shown)
    message = " ".join(script.doc.split())
    return Step(script.revision, message, relative_name(script.path), table.shown)


def follow(
    table: Table,
    context: MigrationContext,
    steps: Iterable[RevisionStep],
    starting: Callable[[Step], None],
    ended: Callable[[Step], None] = lambda _: None,
) -> Iterator[RevisionStep]:
    """Hand Alembic one step after the other and note how long each took.

    Alembic asks for the next step when the previous one is recorded in the version table.
    """
    _notice_versions(table, context)
    for step, planned in zip(steps, table.planned, strict=True):
        table.running, table.is_recorded = planned, False
        _notice_failure(step, table)
        starting(planned)
        begun = time.monotonic()
        yield step
        took = time.monotonic() - begun
        done = Step(planned.revision, planned.message, planned.file, planned.version_table, took)
        table.done.append(done)
        table.running = None
        ended(done)


def _notice_failure(step: RevisionStep, table: Table) -> None:
    """Keep what a revision raises: env.py may catch it and end as if nothing were wrong."""
    function = getattr(step, "migration_fn", None)
    if function is None:
        return

    @wraps(function)
    def noticed(**named: object) -> None:
        try:
            function(**named)
        except BaseException as error:
            table.error = error
            raise

    step.migration_fn = noticed


def _notice_versions(table: Table, context: MigrationContext) -> None:
    def applied(heads: Iterable[str], **_: Any) -> None:
        table.after = tuple(sorted(heads))
        table.reached.append(table.after)

    context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, applied)
