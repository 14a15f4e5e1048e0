"""The connection that a revision gets where there is none: it notes statements and knows nothing.

Whatever only a database could answer ends the revision there; a made-up answer would be a lie.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, Self

from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.engine.mock import MockConnection

from dbtool.migrate.known import Existing, replaced
from dbtool.migrate.recorder import Recorder, Transactions, Unknown

_SHOWN = 60


class StandIn(MockConnection):
    """Notes what it is given to execute.

    `apart` are the transactions of a connection that a revision opened beside Alembic's.
    """

    def __init__(
        self, dialect: Dialect, recorder: Recorder, apart: Transactions | None = None
    ) -> None:
        super().__init__(dialect, self.execute)
        self._recorder = recorder
        self._apart = apart
        self._bare = False
        self._transaction = Block()

    @property
    def engine(self) -> "Engine":  # type: ignore[override]
        """What a revision takes further connections from."""
        return Engine(self.dialect, self._recorder)

    @property
    def _transactions(self) -> Transactions:
        return self._apart or self._recorder.transactions

    def execute(  # type: ignore[override]
        self, statement: object, parameters: object = None, **_options: object
    ) -> "Answer":
        """Note a statement."""
        return Answer(self._recorder.record(statement, parameters, self._transactions))

    def exec_driver_sql(
        self,
        statement: str,
        parameters: object = None,
        execution_options: Mapping[str, Any] | None = None,
    ) -> "Answer":
        """Note a statement that is given to the driver as it stands."""
        bare = (execution_options or {}).get("no_parameters", self._bare)
        self._recorder.record_text(statement, parameters, self._transactions, bare=bare)
        return Answer(statement)

    def execution_options(self, **options: Any) -> Self:
        """Heed that each statement is to commit by itself from here on."""
        if options.get("isolation_level") == "AUTOCOMMIT":
            self._transactions.leave()
        self._bare = options.get("no_parameters", self._bare)
        return self

    def scalar(self, statement: object, parameters: object = None, **_options: object) -> NoReturn:
        """Note a statement whose answer nobody knows."""
        self.execute(statement, parameters).scalar()
        raise AssertionError

    scalars = scalar

    def _run_ddl_visitor(self, visitorcallable: Any, element: Any, **options: Any) -> None:
        """Create or drop something; where it is to be looked for first, the history tells."""
        history = Existing(self._recorder.known, drops="Drop" in visitorcallable.__name__)
        with replaced(self.dialect, history.answers):
            visitor = visitorcallable(dialect=self.dialect, connection=self, **options)
            visitor.traverse_single(element)

    def connect(self, **_: object) -> Self:
        """A session asks a connection for a connection."""
        return self

    def begin(self) -> "Block":
        """Begin what Alembic has begun already, as far as anybody can tell."""
        return Block()

    begin_nested = begin

    def commit(self) -> None:
        """Commit what was done so far."""
        self._transactions.split()

    def in_transaction(self) -> bool:
        """Alembic runs revisions in one."""
        return True

    def get_transaction(self) -> "Block":
        """The one Alembic has begun."""
        return self._transaction

    # A session of SQLAlchemy 2.0 asks for it by this name.
    _get_required_transaction = get_transaction

    def in_nested_transaction(self) -> bool:
        """What a session asks before it joins."""
        return False

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.startswith("_"):
            raise Unknown("what follows depends on what the database holds")
        raise Unknown(f"connection.{name} needs a database")


class Block:
    """A transaction a revision begins by itself, inside the one it runs in."""

    is_active = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def commit(self) -> None:
        """Committed with the transaction around it."""

    def close(self) -> None:
        """Nothing was begun."""

    def rollback(self) -> None:
        """Only what happens to be in the database makes a revision give up its own work."""
        if not isinstance(sys.exception(), Unknown):
            raise Unknown("a rollback takes back what was done before it")


class Engine:
    """Opens connections that only take notes; they commit apart from Alembic's."""

    def __init__(self, dialect: Dialect, recorder: Recorder, *, alone: bool = False) -> None:
        self.dialect = dialect
        self.name = dialect.name
        self.driver = dialect.driver
        self._recorder = recorder
        self._alone = alone

    def execution_options(self, **options: Any) -> "Engine":
        """Heed that each statement is to commit by itself."""
        alone = options.get("isolation_level") == "AUTOCOMMIT"
        return Engine(self.dialect, self._recorder, alone=alone or self._alone)

    def connect(self) -> StandIn:
        """Another connection."""
        apart = self._recorder.transactions.beside()
        if self._alone:
            apart.leave()
        return StandIn(self.dialect, self._recorder, apart)

    begin = connect

    def dispose(self) -> None:
        """Nothing is open."""

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
