"""The connection that a revision gets where there is none: it notes statements and knows nothing.

Whatever only a database could answer ends the revision there; a made-up answer would be a lie.
"""

from collections.abc import Iterator
from typing import Any, NoReturn, Self

from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.engine.mock import MockConnection

from dbtool.migrate.recorder import Recorder, Unknown

_SHOWN = 60


class StandIn(MockConnection):
    """Notes what it is given to execute."""

    def __init__(self, dialect: Dialect, recorder: Recorder) -> None:
        super().__init__(dialect, self.execute)
        self._recorder = recorder

    @property
    def engine(self) -> "Engine":  # type: ignore[override]
        """What a revision takes further connections from."""
        return Engine(self.dialect)

    def execute(  # type: ignore[override]
        self, statement: object, parameters: object = None, **_options: object
    ) -> "Answer":
        """Note a statement."""
        self._recorder.record(statement, parameters)
        return Answer(str(statement))

    def exec_driver_sql(
        self, statement: str, parameters: object = None, **_options: object
    ) -> "Answer":
        """Note a statement that is given to the driver as it stands."""
        self._recorder.record_text(statement, parameters)
        return Answer(statement)

    def scalar(self, statement: object, parameters: object = None, **_options: object) -> NoReturn:
        """Note a statement whose answer nobody knows."""
        self.execute(statement, parameters).scalar()
        raise AssertionError

    scalars = scalar

    def connect(self, **_: object) -> NoReturn:
        """A session asks a connection for a connection."""
        raise Unknown("a session or a connection of its own works on the database")

    def begin(self) -> "Block":
        """Begin what Alembic has begun already, as far as anybody can tell."""
        return Block()

    begin_nested = begin

    def commit(self) -> None:
        """Commit what was done so far."""
        self._recorder.transactions.split()

    def in_transaction(self) -> bool:
        """Alembic runs revisions in one."""
        return True

    def close(self) -> None:
        """Nothing is open."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unknown(f"connection.{name} needs a database")


class Block:
    """A transaction a revision begins by itself, inside the one it runs in."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def commit(self) -> None:
        """Committed with the transaction around it."""

    def rollback(self) -> NoReturn:
        """Only what happens to be in the database makes a revision give up its own work."""
        raise Unknown("a rollback takes back what was done before it")


class Engine:
    """Knows its dialect and leads nowhere."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.name = dialect.name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Unknown("a connection of its own works on the database")


class Answer:
    """What a statement returned, which nobody can know."""

    def __init__(self, statement: str) -> None:
        self._statement = statement

    def close(self) -> None:
        """Nothing is open."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._unknown()

    def __iter__(self) -> Iterator[object]:
        raise self._unknown()

    def _unknown(self) -> Unknown:
        first = " ".join(self._statement.split())
        shown = first if len(first) <= _SHOWN else f"{first[: _SHOWN - 1]}…"
        return Unknown(f"what follows depends on the answer to {shown}")
