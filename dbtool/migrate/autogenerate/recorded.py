"""The operations that a piece of code calls, as Alembic's objects, without running them."""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, NoReturn

from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext

from dbtool.migrate.autogenerate.proposed import Piece
from dbtool.migrate.importing import modules


class Written(ops.MigrateOperation):
    """A change that none of Alembic's operations says; hooks may move or drop it."""

    def __init__(self, code: str) -> None:
        self.code = code


def recorded(context: MigrationContext, piece: Piece) -> list[ops.MigrateOperation]:
    """The operations a piece of code calls, as Alembic's objects."""
    recorder = _Recorder(context)
    names: dict[str, Any] = {"op": recorder}
    try:
        exec("\n".join(("import sqlalchemy as sa", *piece.imports)), names)
        for module in modules(piece.code, {"op", "sa", *names}):
            names[module.partition(".")[0]] = import_module(module.partition(".")[0])
            import_module(module)
        exec(piece.code, names)
    except Exception:  # a type of the team's own may need anything
        return [Written(piece.code)]
    return recorder.found or [Written(piece.code)]


class _Recorder(Operations):
    """Takes note of operations instead of running them."""

    def __init__(self, context: MigrationContext) -> None:
        super().__init__(context)
        self.found: list[ops.MigrateOperation] = []

    def invoke(self, operation: ops.MigrateOperation) -> Any:
        self.found.append(operation)

    def get_context(self) -> Any:
        return _Outside()

    def get_bind(self) -> NoReturn:
        """What asks the database is no list of operations."""
        raise NotImplementedError


class _Outside:
    """Stands in for the context: a block outside of the transaction is part of the code."""

    def autocommit_block(self) -> AbstractContextManager[None]:
        return nullcontext()
