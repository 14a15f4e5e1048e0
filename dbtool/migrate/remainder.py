"""What a function still does for certain behind a statement of it that cannot be followed.

Whatever the statement may have changed is unknown from there on: what uses it is left out, and
where the statement may have returned, nothing is certain any more.
"""

import ast
import copy
import linecache
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    ModuleType,
    TracebackType,
)
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.types import TypeEngine

from dbtool.migrate.standin import StandIn

_UNCHANGEABLE = (str, bytes, int, float, complex, tuple, frozenset, type(None), type)
_INERT = (ModuleType, FunctionType, BuiltinFunctionType, ClauseElement, TypeEngine, StandIn)
_OPERATIONS = "alembic.op"
_SURE = (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.Import, ast.ImportFrom)
_Functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class Remainder:
    """The certain rest of a function, and the variables it begins with.

    `left_out` are lines of operations that are not in it; `unknown` are variables that those
    and the like may have changed, which stay unknown where it ends early too.
    """

    function: FunctionType
    known: Mapping[str, Any]
    left_out: tuple[int, ...]
    unknown: frozenset[str]

    def run(self) -> None:
        """Go on with the variables as they were."""
        self.function(**self.known)


def remainders(
    trace: TracebackType | None, file: str, before: "Mapping[CodeType, Remainder]"
) -> Iterator[Remainder]:
    """The rest of each function of a file that an error passed through, the innermost first.

    `before` are the functions that are themselves such a rest.
    """
    found = []
    for frame, line in _frames(trace, file):
        at = _Interrupted.at(frame, line, file)
        if at is None:
            break
        found.append(at)
        if not at.is_plain_call:
            break
    for each in reversed(found):
        if (rest := each.rest(before)) is not None:
            yield rest


def _frames(trace: TracebackType | None, file: str) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


@dataclass(frozen=True, slots=True)
class _Interrupted:
    """A function that ended in the middle, in one of its statements."""

    frame: FrameType
    function: ast.FunctionDef
    place: int
    file: str

    @classmethod
    def at(cls, frame: FrameType, line: int, file: str) -> "_Interrupted | None":
        function = _definition(frame.f_code, file)
        if function is None:
            return None
        for place, statement in enumerate(function.body):
            if statement.lineno <= line <= (statement.end_lineno or statement.lineno):
                return cls(frame, function, place, file)
        return None

    @property
    def is_plain_call(self) -> bool:
        """Whether the statement only calls something and wants no answer."""
        statement = self.function.body[self.place]
        return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)

    def rest(self, before: "Mapping[CodeType, Remainder]") -> Remainder | None:
        """The statements behind it whose run is certain."""
        unknown = self._unknown_before(before.get(self.frame.f_code))
        known: dict[str, Any] = {}
        kept: list[ast.stmt] = []
        left_out: list[int] = []
        for place, statement in enumerate(self.function.body[self.place :]):
            if isinstance(statement, ast.Global | ast.Nonlocal):
                return None
            if place and not unknown & _names(statement):
                unknown -= _bound(statement) if isinstance(statement, _SURE) else frozenset()
                kept.append(statement)
                continue
            if place and self._operates(statement):
                left_out.append(statement.lineno)
            if _may_leave(statement):
                break
            unknown |= self._touched(statement)
            if not place:
                known = self._known(unknown)
        if not kept:
            return None
        return Remainder(self._function(kept, known), known, tuple(left_out), unknown)

    def _unknown_before(self, run: "Remainder | None") -> frozenset[str]:
        if run is None:
            return frozenset()
        return run.unknown - (self.frame.f_locals.keys() - run.known.keys())

    def _known(self, unknown: frozenset[str]) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.frame.f_locals.items()
            if name.isidentifier() and name not in unknown
        }

    def _value(self, name: str) -> object:
        return self.frame.f_locals.get(name, self.frame.f_globals.get(name))

    def _operates(self, statement: ast.stmt) -> bool:
        values = (self._value(name) for name in _names(statement))
        return any(getattr(each, "__name__", "") == _OPERATIONS for each in values)

    def _touched(self, statement: ast.stmt) -> set[str]:
        """Every name that may stand for something else afterwards."""
        found = _bound(statement)
        for name in _names(statement) - found:
            value = self._value(name)
            if not isinstance(value, (*_UNCHANGEABLE, *_INERT)):
                found.add(name)
        return found

    def _function(self, body: list[ast.stmt], known: Iterable[str]) -> FunctionType:
        """The statements as a function of the variables they begin with."""
        definition = copy.copy(self.function)
        names = [ast.arg(arg=name) for name in known]
        definition.args = ast.arguments(
            posonlyargs=[], args=names, kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        definition.body, definition.decorator_list, definition.returns = body, [], None
        module = ast.fix_missing_locations(ast.Module([definition], []))
        whole = compile(module, self.file, "exec")
        code = next(each for each in whole.co_consts if isinstance(each, CodeType))
        return FunctionType(code, self.frame.f_globals)


def _definition(code: CodeType, file: str) -> ast.FunctionDef | None:
    """The source of a running function."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if code.co_firstlineno in (first, node.lineno):
                return node
    return None


def _names(statement: ast.stmt) -> set[str]:
    """The names whose values a statement uses."""
    found: set[str] = set()
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.AugAssign(target=ast.Name(id=name)):
                found.add(name)
    return found


def _bound(statement: ast.stmt) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
    return found


def _may_leave(statement: ast.stmt) -> bool:
    """Whether the statement may end the function it stands in as if all were done."""
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, _Functions):
            todo += ast.iter_child_nodes(node)
    return False
