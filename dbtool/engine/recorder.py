"""Note every statement an engine sends, with the line and the relationship that caused it."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExecutionContext
from sqlalchemy.orm import MapperProperty, ORMExecuteState, RelationshipProperty, Session

from dbtool.engine.record import Cause, Record, Source
from dbtool.sql.values import as_text

_OPTION = "dbtool_load"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_OWN = Path(__file__).parent
MOST_RECORDS = 50_000
"""Statements after which a trace notes no more; whoever sends as many knows enough."""


class Recorder:
    """Listens to one engine while it is entered."""

    def __init__(self, engine: Engine, directories: Sequence[Path]) -> None:
        self.records: list[Record] = []
        self._engine = engine
        self._directories = tuple(directory.resolve() for directory in directories)
        self._events: tuple[tuple[Any, str, Any], ...] = (
            (engine, "before_cursor_execute", self._before),
            (engine, "after_cursor_execute", self._after),
            (engine, "handle_error", self._failed),
            (Session, "do_orm_execute", self._loading),
        )

    def __enter__(self) -> Self:
        for target, name, function in self._events:
            event.listen(target, name, function)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for target, name, function in self._events:
            event.remove(target, name, function)

    def _loading(self, state: ORMExecuteState) -> None:
        """Let the statement carry why the ORM sends it down to where it is sent."""
        if not state.is_select:
            return
        if state.is_relationship_load:
            cause: Cause = "eager" if state.lazy_loaded_from is None else "lazy"
            path = tuple(_properties(state.loader_strategy_path))
        elif state.is_column_load:
            cause, path = "columns", ()
        else:
            return
        many = bool(path) and isinstance(path[-1], RelationshipProperty) and bool(path[-1].uselist)
        state.update_execution_options(**{_OPTION: (cause, tuple(map(_name, path)), many)})

    def _before(
        self,
        connection: Connection,
        *_: object,
    ) -> None:
        connection.info["dbtool_began"] = (time.perf_counter(), self._source())

    def _after(
        self,
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: object,
        context: ExecutionContext,
        _many: bool,
    ) -> None:
        rows = getattr(cursor, "rowcount", -1)
        self._note(connection, statement, parameters, context, rows if rows >= 0 else None)

    def _failed(self, error: Any) -> None:
        if error.statement is not None and error.connection is not None:
            context = error.execution_context
            self._note(
                error.connection, error.statement, error.parameters, context, None, failed=True
            )

    def _note(
        self,
        connection: Connection,
        statement: str,
        parameters: object,
        context: ExecutionContext | None,
        rows: int | None,
        *,
        failed: bool = False,
    ) -> None:
        began, source = connection.info.pop("dbtool_began", (time.perf_counter(), None))
        if len(self.records) >= MOST_RECORDS:
            return
        options: Mapping[str, Any] = context.execution_options if context else {}
        cause, path, many = options.get(_OPTION, ("asked", (), True))
        sets = parameters if isinstance(parameters, list) else [parameters]
        names, values = _bound(sets[0] if sets else ())
        self.records.append(
            Record(
                text=statement,
                milliseconds=(time.perf_counter() - began) * 1000,
                rows=rows,
                times=max(len(sets), 1),
                source=source,
                cause=cause,
                path=path,
                many=many,
                failed=failed,
                values=values,
                names=names,
            )
        )

    def _source(self) -> Source | None:
        """The innermost line of the application, across the greenlets of its coroutines."""
        for frame in _frames():
            file = Path(frame.f_code.co_filename)
            if self._is_own(file):
                shown = next((d for d in self._directories if file.is_relative_to(d)), None)
                name = file.relative_to(shown) if shown else file
                return Source(name.as_posix(), frame.f_lineno, frame.f_code.co_name)
        return None

    def _is_own(self, file: Path) -> bool:
        if _INSTALLED & set(file.parts) or file.is_relative_to(_OWN):
            return False
        return any(file.is_relative_to(directory) for directory in self._directories)


def _frames() -> Iterator[FrameType]:
    """From here outwards; a coroutine's statement runs in a greenlet whose parent awaits it."""
    frame: FrameType | None = sys._getframe(1)
    greenlets = sys.modules.get("greenlet")
    current = greenlets.getcurrent() if greenlets else None
    while frame is not None or current is not None:
        while frame is not None:
            yield frame
            frame = frame.f_back
        current = current.parent if current is not None else None
        frame = current.gr_frame if current is not None else None


def _properties(path: Any) -> Iterator[MapperProperty[Any]]:
    """The relationships a load followed, from the object that was queried."""
    for each in getattr(path, "path", ()):
        if isinstance(each, MapperProperty):
            yield each


def _name(prop: MapperProperty[Any]) -> str:
    return f"{prop.parent.class_.__name__}.{prop.key}"


def _bound(parameters: object) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
    """The names, where the driver has names, and the values as PostgreSQL reads them."""
    if isinstance(parameters, Mapping):
        return tuple(map(str, parameters)), tuple(map(_text, parameters.values()))
    if isinstance(parameters, Sequence) and not isinstance(parameters, str):
        return (), tuple(map(_text, parameters))
    return (), ()


def _text(value: object) -> str | None:
    """A driver's wrapper around JSON or a range holds what it stands for."""
    wrapped = type(value).__module__.startswith("psycopg")
    return as_text(getattr(value, "obj", value) if wrapped else value)
