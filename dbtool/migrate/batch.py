"""Let what a revision does through Alembic's special ways be noted like the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from alembic import op
from alembic.operations import BatchOperations

from dbtool.migrate.callsite import CallSite
from dbtool.migrate.recorder import Recorder, Unknown


class _Located(list[Any]):
    """The operations of a batch; each is rendered for the line that asked for it."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder
        self._sites: list[CallSite] = []

    def append(self, operation: Any) -> None:
        self._sites.append(self._recorder.place())
        super().append(operation)

    def __iter__(self) -> Iterator[Any]:
        try:
            for site, operation in zip(self._sites, super().__iter__(), strict=True):
                self._recorder.site = site
                yield operation
        finally:
            self._recorder.site = None


def adapt_operations(recorder: Recorder) -> None:
    """Have the operations that revisions import from Alembic work with a recorder."""
    operations: Any = op._proxy  # type: ignore[attr-defined]
    batch_alter_table = type(operations).batch_alter_table

    @contextmanager
    def located(*arguments: Any, **named: Any) -> Iterator[BatchOperations]:
        with batch_alter_table(operations, *arguments, **named) as batch:
            batch.impl.batch = _Located(recorder)
            yield batch

    operations.batch_alter_table = located
    operations.run_async = _works_alone


def _works_alone(*_: object, **__: object) -> NoReturn:
    raise Unknown("op.run_async works on the database by itself")
