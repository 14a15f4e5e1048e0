"""Whether a function of a revision calls nothing but Alembic and SQLAlchemy.

Such a function may be run without a database to see its SQL. Any other may write files, send
requests or open connections of its own, and nobody has agreed to that yet.
"""

import ast
from collections.abc import Iterable, Iterator

_TRUSTED = ("alembic", "sqlalchemy", "sqlmodel", "textwrap", "datetime", "decimal", "uuid")
_BUILTINS = frozenset(
    {
        *("range", "len", "zip", "enumerate", "str", "int", "list", "tuple", "dict", "set"),
        *("sorted", "reversed", "min", "max", "isinstance", "any", "all", "print"),
    }
)
_ROUNDS = 2
"""The walk is not in the order of the text, and a name may be bound to one that comes later."""

_NEVER = (ast.While, ast.Await, ast.Yield, ast.YieldFrom, ast.Global, ast.AsyncWith, ast.AsyncFor)


def first_code(tree: ast.Module, function: ast.FunctionDef) -> str:
    """The first call in a function that is the team's own code; empty where there is none."""
    return _Trust(tree).first_code(function, {function.name})


class _Trust:
    """What the names of a module stand for."""

    def __init__(
        self,
        tree: ast.Module,
        names: Iterable[str] = _BUILTINS,
        function: ast.FunctionDef | None = None,
    ) -> None:
        self._tree = tree
        self._functions = {
            each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)
        }
        nodes: list[ast.AST] = [*tree.body] if function is None else [*ast.walk(function)]
        self._names = {*names, *_imported(nodes)}
        if function is not None:
            parameters = function.args.args + function.args.kwonlyargs
            self._names.update(each.arg for each in parameters)
        for _ in range(_ROUNDS):
            self._learn(nodes)

    def first_code(self, function: ast.FunctionDef, seen: set[str]) -> str:
        """The first call in a function, which `seen` have called, that is not trusted."""
        if function.decorator_list:
            return f"@{ast.unparse(function.decorator_list[0])}"
        return next(_Trust(self._tree, self._names, function)._code(function, seen), "")

    def _code(self, function: ast.FunctionDef, seen: set[str]) -> Iterator[str]:
        built = {id(each) for each in _built_for_a_call(function)}
        for node in ast.walk(function):
            if isinstance(node, _NEVER):
                yield type(node).__name__.lower()
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield from (f"import {each}" for each in _foreign(node))
            if isinstance(node, ast.Call):
                yield from self._call(node, seen, is_built=id(node) in built)

    def _call(self, call: ast.Call, seen: set[str], *, is_built: bool) -> Iterator[str]:
        """The call itself, or what a function of the same module calls."""
        if isinstance(call.func, ast.Name) and call.func.id in self._functions:
            own = self._functions[call.func.id]
            if own.name in seen or not all(map(self._trusts, _given(call))):
                yield f"{own.name}()"
            elif code := self.first_code(own, seen | {own.name}):
                yield code
        elif not self._trusts(call.func) and not (is_built and _names_a_class(call.func)):
            yield f"{ast.unparse(call.func)}()"

    def _learn(self, nodes: Iterable[ast.AST]) -> None:
        """Trust names that are bound to something trusted."""
        for node in nodes:
            match node:
                case ast.Assign(targets=targets, value=value) if self._trusts(value):
                    for target in targets:
                        self._names.update(_bound(target))
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    if self._trusts(value):
                        self._names.update(_bound(target))
                case (
                    ast.For(target=target, iter=value)
                    | ast.comprehension(target=target, iter=value)
                ):
                    if self._trusts(value):
                        self._names.update(_bound(target))
                case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                    if self._trusts(value):
                        self._names.update(_bound(target))

    def _trusts(self, value: ast.expr) -> bool:
        """Whether calling this, or something of it, runs nothing of the team's."""
        match value:
            case ast.Constant() | ast.JoinedStr() | ast.Compare():
                return True
            case ast.Name(id=name):
                return name in self._names
            case ast.Attribute(value=inner) | ast.Subscript(value=inner):
                return self._trusts(inner)
            case ast.Call(func=inner):
                return self._trusts(inner)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return all(map(self._trusts, parts))
            case ast.Dict(values=parts):
                return all(map(self._trusts, parts))
            case ast.BinOp(left=left, right=right):
                return self._trusts(left) and self._trusts(right)
            case ast.IfExp(body=left, orelse=right):
                return self._trusts(left) and self._trusts(right)
        return False


def _given(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args
    yield from (each.value for each in call.keywords)


def _imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names that imports of trusted packages bind; alembic.context leads to the database."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for each in node.names:
                if _is_trusted(each.name):
                    yield (each.asname or each.name).partition(".")[0]
        if isinstance(node, ast.ImportFrom) and _is_trusted(node.module or ""):
            yield from (each.asname or each.name for each in node.names if each.name != "context")


def _foreign(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        yield from () if _is_trusted(node.module or "") else (node.module or ".",)
    else:
        yield from (each.name for each in node.names if not _is_trusted(each.name))


def _is_trusted(module: str) -> bool:
    return module.partition(".")[0] in _TRUSTED


def _bound(target: ast.expr) -> Iterator[str]:
    return (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def _built_for_a_call(function: ast.FunctionDef) -> Iterator[ast.Call]:
    """Calls inside the arguments of another: a column's type is made there."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            for given in _given(node):
                yield from (each for each in ast.walk(given) if isinstance(each, ast.Call))


def _names_a_class(function: ast.expr) -> bool:
    name = getattr(function, "attr", getattr(function, "id", ""))
    return bool(name[:1].isupper())
