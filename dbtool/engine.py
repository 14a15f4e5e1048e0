"""Load a team's SQLAlchemy engine: sync or async, an object, a session factory or a function."""

import inspect
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import sessionmaker

from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.errors import UsageError
from dbtool.imports import follow, import_error, load_module

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
