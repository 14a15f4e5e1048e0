"""The connection that a revision gets where there is none: it notes statements and knows nothing.

Whatever only a database could answer ends the revision there; a made-up answer would be a lie.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn, Self

from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.engine.mock import MockConnection

from dbtool.migrate.known import Known
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
        return Answer(statement)

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

    def _run_ddl_visitor(self, visitorcallable: Any, element: Any, **options: Any) -> None:
        """Create or drop something; where it is to be looked for first, the history tells."""
        history = _History(self._recorder.known, drops="Drop" in visitorcallable.__name__)
        with replaced(self.dialect, history.answers):
            visitor = visitorcallable(dialect=self.dialect, connection=self, **options)
            visitor.traverse_single(element)

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
        if name.startswith("_"):
            raise Unknown("what follows depends on what the database holds")
        raise Unknown(f"connection.{name} needs a database")


@contextmanager
def replaced(owner: object, attributes: Mapping[str, object]) -> Iterator[None]:
    """Let an object have other attributes for as long as the block lasts."""
    own = vars(owner)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            own.pop(name)
        own.update(before)


class _History:
    """Answers whether something exists, from what the revisions so far have run.

    What none of them has named is taken to be there where it is to be dropped, and to be
    missing where it is to be created.
    """

    def __init__(self, known: Known, *, drops: bool) -> None:
        self._known = known
        self._drops = drops

    @property
    def answers(self) -> dict[str, Any]:
        """The questions SQLAlchemy asks its dialect."""
        return {
            "has_table": partial(self._exists, "TABLE"),
            "has_type": partial(self._exists, "TYPE"),
            "has_sequence": partial(self._exists, "SEQUENCE"),
            "has_index": self._has_index,
            "has_multi_table": self._have_tables,
        }

    def _exists(
        self, kind: str, _: object, name: str, schema: str | None = None, **__: object
    ) -> bool:
        stands = self._known.stands(kind, name, schema)
        return self._drops if stands is None else stands

    def _has_index(
        self, _: object, __: str, name: str, schema: str | None = None, **___: object
    ) -> bool:
        return self._exists("INDEX", None, name, schema)

    def _have_tables(
        self, _: object, names: Iterable[str], schema: str | None = None, **__: object
    ) -> Iterator[tuple[tuple[str | None, str], bool]]:
        return (((schema, name), self._exists("TABLE", None, name, schema)) for name in names)


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

    def __init__(self, statement: object) -> None:
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
        first = " ".join(str(self._statement).split())
        shown = first if len(first) <= _SHOWN else f"{first[: _SHOWN - 1]}…"
        return Unknown(f"what follows depends on the answer to {shown}")
