"""Call one function of the application with a session of its engine, and note what it sends."""

import asyncio
import inspect
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from dbtool.database.target import Target
from dbtool.engine import LoadedEngine
from dbtool.engine.record import Traced
from dbtool.engine.recorder import Recorder
from dbtool.engine.sandbox import Sandbox
from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.imports import failing_line, follow, in_short, load_module

_ACCEPTED = "a function, plain or async, that takes nothing or a session"


_APART = (
    "It used several connections at once, and while it is traced none sees what another has"
    " committed. Trace code that uses one at a time."
)


@dataclass(frozen=True, slots=True)
class Terms:
    """How the application's code may work: where, for how long a statement, and with what end."""

    target: Target
    seconds: float
    commits: bool
    directories: tuple[Path, ...]


def load_callable(spec: str, directories: Sequence[Path]) -> Callable[..., Any]:
    """Import the function that `module:name` names."""
    name, _, attribute = spec.partition(":")
    if not name or not attribute:
        raise UsageError(f'"{spec}" names no function', hint="Write it as module:function.")
    module = load_module(name, directories)
    value = follow(module, attribute, spec, _functions, _ACCEPTED)
    if not callable(value) or isinstance(value, type):
        raise UsageError(
            f'"{spec}" is no function',
            detail=f"It is of type {type(value).__name__}.",
            hint=f"Name {_ACCEPTED}.",
        )
    if len(_required(value)) > 1:
        raise UsageError(
            f'"{spec}" takes {len(_required(value))} arguments',
            hint=f"Name {_ACCEPTED}: a function of your own can call it with the rest.",
        )
    return cast("Callable[..., Any]", value)


def _functions(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]


def _required(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    taken = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        each
        for each in found
        if each.default is each.empty and (each.kind in taken or each.kind is each.KEYWORD_ONLY)
    ]


def trace(loaded: LoadedEngine, function: Callable[..., Any], spec: str, terms: Terms) -> Traced:
    """Call the function; everything the engine sends is noted, and kept only if that is allowed."""
    engine = loaded.sync_engine
    sandbox = Sandbox(engine, terms.target, seconds=terms.seconds, commits=terms.commits)
    began = time.perf_counter()
    with sandbox, Recorder(engine, terms.directories) as recorder:
        began = time.perf_counter()
        try:
            with redirect_stdout(sys.stderr):
                _call(loaded, function)
        except (Exception, SystemExit) as error:
            raise sandbox.refused or _failed(error, spec, terms, sandbox.connections) from error
        took = (time.perf_counter() - began) * 1000
    if sandbox.refused:
        raise sandbox.refused
    return Traced(
        callable=spec,
        engine=loaded.spec,
        milliseconds=took,
        records=tuple(recorder.records),
        commits=sandbox.commits,
        rollbacks=sandbox.rollbacks,
        connections=sandbox.connections,
        kept=terms.commits,
    )


def _call(loaded: LoadedEngine, function: Callable[..., Any]) -> None:
    """In the way it wants to be called: a session where it takes something."""
    wants = bool(_required(function))
    engine = loaded.engine
    if isinstance(engine, AsyncEngine):
        if inspect.iscoroutinefunction(function) or wants:
            asyncio.run(_call_async(engine, function, wants=wants))
        else:
            _finish(function())
    elif wants:
        with _session_class()(engine) as session:
            _finish(function(session))
    else:
        _finish(function())


def _finish(result: object) -> None:
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))


async def _awaited(result: Awaitable[object]) -> None:
    await result


async def _call_async(engine: AsyncEngine, function: Callable[..., Any], *, wants: bool) -> None:
    try:
        if not wants:
            await function()
        elif inspect.iscoroutinefunction(function):
            async with _async_session_class()(engine) as session:
                await function(session)
        else:
            async with engine.connect() as connection:
                await connection.run_sync(_with_session, function)
    finally:
        await engine.dispose()


def _with_session(connection: Connection, function: Callable[..., Any]) -> None:
    with _session_class()(connection) as session:
        function(session)


def _session_class() -> type[Session]:
    """SQLModel's session, which can `exec`, where the application has loaded SQLModel."""
    return getattr(sys.modules.get("sqlmodel"), "Session", Session)


def _async_session_class() -> type[AsyncSession]:
    """The same for coroutines; SQLModel's stands in a module of its own."""
    if "sqlmodel" not in sys.modules:
        return AsyncSession
    own: type[AsyncSession] = import_module("sqlmodel.ext.asyncio.session").AsyncSession
    return own


def _failed(error: BaseException, spec: str, terms: Terms, connections: int) -> DbtoolError:
    if isinstance(error, DbtoolError):
        return error
    place = failing_line(error, terms.directories)
    shown = in_short(error)
    kept = "What it had committed stays." if terms.commits else "All of it was rolled back."
    return OperationError(
        f'"{spec}" failed while it was traced',
        detail=f"{place}: {shown}\n{kept}" if place else f"{shown}\n{kept}",
        hint=_hint(shown, terms, connections),
    )


def _hint(said: str, terms: Terms, connections: int) -> str:
    if "statement timeout" in said:
        longer = f"--timeout {2 * terms.seconds:g}"
        return f"{longer} gives each statement longer than {terms.seconds:g} s."
    return _APART if connections > 1 and not terms.commits else ""
