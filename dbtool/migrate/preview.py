"""The SQL of a downgrade() before it runs, from the revision alone: no connection, no env.py."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any, cast

import alembic.op
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import SQLAlchemyError

from dbtool.migrate.given import given_to
from dbtool.migrate.listener import Stop
from dbtool.migrate.perform import perform
from dbtool.migrate.recorder import Recorder, Transactions, Unknown
from dbtool.migrate.standin import StandIn
from dbtool.migrate.undoing import Literal, Undoing
from dbtool.statement import Gap


@dataclass(frozen=True, slots=True)
class Preview:
    """Statements in their order, and why there may be more of them."""

    statements: tuple[str, ...]
    unknown: str = ""


def preview(step: RevisionStep, context: MigrationContext, read: Undoing) -> Preview:
    """What a downgrade would run.

    It is run on a connection that only takes notes, unless it calls code of the team: that
    might do anything, and nobody has agreed yet. Of such code the operations are read whose
    arguments are written out. Whoever calls sees to it that nothing connects meanwhile.
    """
    script, recorder = step.revision, _recorder(context)
    with redirect_stdout(io.StringIO()), _operations(context, recorder) as operations:
        if not read.code:
            with recorder.revision(script.revision, script.path, script.path):
                _perform(script, given_to(context), recorder)
        statements = [each.sql for each in recorder.statements]
        if not read.code and not recorder.gaps:
            return Preview(tuple(statements))
        unknown = f"it runs {read.code}" if read.code else recorder.gaps[0].reason
        with recorder.revision(script.revision, script.path, script.path):
            for call in read.calls:
                _call(operations, call)
        statements += [each.sql for each in recorder.statements]
        return Preview(tuple(dict.fromkeys(statements)), unknown)


def can_run(call: Literal, context: MigrationContext) -> bool:
    """Whether an operation that lacks a name gets one from a naming convention."""
    recorder = _recorder(context)
    with _operations(context, recorder) as operations, recorder.revision("", "?", "?"):
        return _call(operations, call)


def _perform(script: Script, given: dict[str, Any], recorder: Recorder) -> None:
    try:
        if not perform(script, "downgrade", given, recorder) and not recorder.gaps:
            recorder.gaps.append(Gap(0, "it raises an exception"))
    except Stop:
        recorder.gaps.append(Gap(0, "it opens a connection of its own"))


def _call(operations: Operations, call: Literal) -> bool:
    try:
        getattr(operations, call.name)(*call.arguments, **call.named)
    except (Unknown, CommandError, SQLAlchemyError, TypeError, ValueError, AttributeError):
        return False
    return True


def _recorder(context: MigrationContext) -> Recorder:
    """Writes SQL as people do: a driver's dialect would double the percent signs."""
    dialect: Dialect = cast("Any", postgresql).dialect(paramstyle="named")
    return Recorder(dialect, Transactions(context.dialect.driver))


@contextmanager
def _operations(context: MigrationContext, recorder: Recorder) -> Iterator[Operations]:
    """Alembic's operations on a context like the given one, leading into the recorder."""
    options = {**context.opts, "as_sql": True, "literal_binds": True}
    options["output_buffer"] = io.StringIO()
    own = MigrationContext(recorder.dialect, None, options, context.environment_context)
    impl: Any = own.impl

    impl._exec, impl.static_output = recorder.execute, lambda _: None
    impl.connection = own.connection = cast("Any", StandIn(recorder.dialect, recorder))
    own.autocommit_block = recorder.transactions.outside  # type: ignore[method-assign]
    before = getattr(alembic.op, "_proxy", None)
    try:
        with Operations.context(own) as operations:
            yield operations
    finally:
        if before is not None:
            before._install_proxy()
