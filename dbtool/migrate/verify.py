"""The `verify(connection)` a revision may define, run in its transaction behind its upgrade()."""

import inspect
from collections.abc import Callable
from functools import wraps

from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep

from dbtool.migrate.record import Table

HOOK = "verify"


class NotVerified(Exception):
    """A revision says that what it did is not what it was to do; `line` is where it is asked."""

    def __init__(self, said: str, line: int | None) -> None:
        super().__init__(said)
        self.line = line


def with_verify(step: MigrationStep, table: Table, context: MigrationContext) -> None:
    """Have the revision's own check run behind its upgrade(), before the revision is recorded.

    Whatever env.py makes of transactions: it is the one that upgrade() ended in.
    """
    if not isinstance(step, RevisionStep) or not step.is_upgrade:
        return
    check = getattr(step.revision.module, HOOK, None)
    if not callable(check):
        return
    upgrade = step.migration_fn

    @wraps(upgrade)
    def verified(**named: object) -> None:
        upgrade(**named)
        table.verifying = True
        _ask(check, context)
        table.verifying = False

    step.migration_fn = verified


def _ask(check: Callable[..., object], context: MigrationContext) -> None:
    """Only False, or an exception, says no: a check that returns nothing has nothing to say."""
    answer, line = check(context.connection), _line(check)
    if inspect.iscoroutine(answer):
        answer.close()
        raise NotVerified("it is async, and its connection is not: write def, not async def", line)
    if answer is False:
        raise NotVerified("it returned False", line)


def _line(check: Callable[..., object]) -> int | None:
    code = getattr(inspect.unwrap(check), "__code__", None)
    return getattr(code, "co_firstlineno", None)
