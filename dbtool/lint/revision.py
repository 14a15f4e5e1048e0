"""A revision's own Python, read without running it: its functions, imports and calls."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from dbtool.finding import Location
from dbtool.statement import Migration


def tree(migration: Migration) -> ast.Module | None:
    """The syntax tree of a revision; None for a script of SQL and what Python cannot read."""
    return _parsed(migration.text) if migration.file.endswith(".py") else None


@lru_cache(maxsize=4)
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def function(module: ast.Module, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """A function at the top of the module."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return node
    return None


def is_empty(body: list[ast.stmt]) -> bool:
    """Whether a body does nothing: `pass`, `...`, `return`, a text."""
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Return) and node.value is None)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in body
    )


def calls(module: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the dotted name it is written with, in the order of the text."""
    found = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    for node in sorted(found, key=lambda each: (each.lineno, each.col_offset)):
        yield dotted(node.func), node


def dotted(node: ast.expr) -> str:
    """`a.b.c` as text; what is no plain name is left out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    elif isinstance(node, ast.Call):
        parts.append(f"{dotted(node.func)}()")
    return ".".join(reversed(parts))


def imports(module: ast.Module) -> Iterator[tuple[str, str, int]]:
    """What is imported: the module, the name it has in the file, and the line."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                yield alias.name, bound, node.lineno
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            for alias in node.names:
                yield source, alias.asname or alias.name, node.lineno


def argument(call: ast.Call, place: int, *names: str) -> ast.expr | None:
    """An argument of a call, by its place or one of its names."""
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    return call.args[place] if len(call.args) > place else None


def text_of(node: ast.expr | None) -> str:
    """The string an argument is; empty where it is none."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def at(migration: Migration, line: int) -> Location:
    """A line of the revision."""
    return Location(migration.file, line or None, migration.name or None)
