"""Load a team's SQLAlchemy engine or statement: an object, or a function that returns it."""

import asyncio
import inspect
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

from sqlalchemy import ClauseElement, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import sessionmaker
from sqlalchemy.sql.compiler import SQLCompiler

from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import UsageError
from dbtool.imports import follow, import_error, load_module
from dbtool.sql.values import as_text

_SETTING = 'engine = "package.module:engine"'
_SIMPLE = "It is called without arguments, in the environment dbtool runs in."
_ACCEPTED = "an Engine, an AsyncEngine, a sessionmaker with a bind, or a function that returns one"


@dataclass(frozen=True, slots=True)
class LoadedEngine:
    """The application's engine; `made` when a function made it for us, who must dispose of it."""

    engine: Engine | AsyncEngine
    spec: str
    made: bool

    @property
    def is_async(self) -> bool:
        """Whether the application uses it from coroutines."""
        return isinstance(self.engine, AsyncEngine)

    @property
    def sync_engine(self) -> Engine:
        """The engine that has the pool, the dialect and the events."""
        return self.engine.sync_engine if isinstance(self.engine, AsyncEngine) else self.engine

    def target(self) -> Target:
        """The database its URL names; a `creator` or `connect` hook may lead elsewhere."""
        url = self.sync_engine.url.render_as_string(hide_password=False)
        return parse(url, f'the engine "{self.spec}"')


def load(spec: str, directories: Sequence[Path]) -> LoadedEngine:
    """Import what the `engine` setting names; modules are found in `directories` first.

    Raises UsageError, in the user's terms, for whatever goes wrong. Nothing is connected to.
    """
    name, _, attribute = spec.partition(":")
    if not name or not attribute:
        raise UsageError(
            f'"{spec}" does not name an engine',
            hint=f"The setting names module and variable: {_SETTING}",
        )
    module = load_module(name, directories)
    value = follow(module, attribute, spec, _engines, _ACCEPTED)
    if (engine := _engine_in(value)) is not None:
        return LoadedEngine(engine, spec, made=False)
    if not callable(value) or isinstance(value, type | sessionmaker | async_sessionmaker):
        raise _no_engine(spec, value, module)
    made = _call(value, spec, directories)
    if (engine := _engine_in(made)) is not None:
        return LoadedEngine(engine, spec, made=True)
    raise _no_engine(spec, made, module)


def _engine_in(value: object) -> Engine | AsyncEngine | None:
    if isinstance(value, sessionmaker | async_sessionmaker):
        value = value.kw.get("bind")
    return value if isinstance(value, Engine | AsyncEngine) else None


def _engines(module: ModuleType) -> list[str]:
    return [name for name, value in vars(module).items() if _engine_in(value) is not None]


def _call(function: object, spec: str, directories: Sequence[Path]) -> object:
    if inspect.iscoroutinefunction(function):
        raise UsageError(
            f'"{spec}" is a coroutine function',
            detail="An engine made inside an event loop belongs to that loop.",
            hint="Name an engine, or a plain function that returns one.",
        )
    try:
        with redirect_stdout(sys.stderr):
            return cast("Callable[[], object]", function)()
    except (Exception, SystemExit) as error:
        why = import_error(error, spec, directories)
        raise UsageError(
            f'the function "{spec}" makes no engine', detail=why.detail, hint=_SIMPLE
        ) from error


def _no_engine(spec: str, value: object, module: ModuleType) -> UsageError:
    kind = value.__name__ if isinstance(value, type) else type(value).__name__
    near = " or ".join(f'"{module.__name__}:{name}"' for name in _engines(module))
    return UsageError(
        f'"{spec}" is no engine',
        detail=f"It is {'the class' if isinstance(value, type) else 'of type'} {kind}.",
        hint=f"Did you mean {near}?" if near else f"The setting names {_ACCEPTED}.",
    )


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement as the driver sends it, `$1` for its first value; None is NULL."""

    text: str
    values: tuple[str | None, ...]


_STATEMENT = "a statement (select(…), insert(…), text(…)), or a function that returns one"


def load_statement(spec: str, directories: Sequence[Path]) -> Compiled:
    """Import the statement that `module:name` names and compile it with its bound types.

    A function, plain or async, is called without arguments. Nothing is connected to.
    """
    name, _, attribute = spec.partition(":")
    if not name or not attribute:
        raise UsageError(
            f'"{spec}" does not name a statement', hint="Write it as module:statement."
        )
    module = load_module(name, directories)
    value = follow(module, attribute, spec, _statements, _STATEMENT)
    if callable(value) and not isinstance(value, ClauseElement):
        value = _returned(value, spec, directories)
    if not isinstance(value, ClauseElement) or not value.supports_execution:
        raise UsageError(
            f'"{spec}" is no statement',
            detail=f"It is of type {type(value).__name__}.",
            hint=f"Name {_STATEMENT}.",
        )
    return _compiled(value, spec)


def _statements(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, ClauseElement) and value.supports_execution
    ]


def _returned(function: object, spec: str, directories: Sequence[Path]) -> object:
    try:
        with redirect_stdout(sys.stderr):
            made = cast("Callable[[], object]", function)()
            return asyncio.run(made) if inspect.iscoroutine(made) else made
    except (Exception, SystemExit) as error:
        why = import_error(error, spec, directories)
        raise UsageError(
            f'the function "{spec}" returns no statement', detail=why.detail, hint=_SIMPLE
        ) from error


def _compiled(statement: ClauseElement, spec: str) -> Compiled:
    """Expand and render as asyncpg gets it: types and lists decide the plan."""
    from sqlalchemy.dialects.postgresql.asyncpg import dialect

    try:
        compiled = statement.compile(
            dialect=dialect(),  # type: ignore[no-untyped-call]
            compile_kwargs={"render_postcompile": True},
        )
        given = compiled.construct_params() or {}
    except SQLAlchemyError as error:
        hint = "Give its values in the code, as statement.params(name=…) does."
        hint = hint if "bind parameter" in str(error) else ""
        raise UsageError(f'"{spec}" does not compile', detail=str(error), hint=hint) from error
    assert isinstance(compiled, SQLCompiler)
    processors = compiled._bind_processors
    names = compiled.positiontup or ()
    values = []
    for name in names:
        process = processors.get(name)
        value = given[name]
        values.append(as_text(process(value) if callable(process) else value))
    return Compiled(str(compiled), tuple(values))
