"""Complete the imports of a revision that was just written.

Autogenerate writes a type by the name of its module, and only the team's template says which
modules are imported: SQLModel's types, or a team's own, are names that nobody has bound.
"""

import ast
import builtins
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from dbtool import files


def complete(path: Path) -> tuple[str, ...]:
    """Import what the file names without importing it; returns the modules that were added."""
    text = path.read_text("utf-8")
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    found = {module for chain in _unbound(tree) if (module := _module(chain))}
    added = tuple(sorted(each for each in found if not _is_parent(each, found)))
    if added:
        lines = text.splitlines(keepends=True)
        lines[_line(tree) : _line(tree)] = [f"import {module}\n" for module in added]
        files.write(path, "".join(lines).encode("utf-8"))
    return added


def modules(code: str, bound: Iterable[str]) -> tuple[str, ...]:
    """The modules that code names, beside the names that are bound."""
    known = {*bound}
    chains = (each for each in _unbound(ast.parse(code)) if each[0] not in known)
    return tuple(sorted({module for chain in chains if (module := _module(chain))}))


def _is_parent(module: str, modules: set[str]) -> bool:
    """Importing what is inside a package imports the package too."""
    return any(each.startswith(f"{module}.") for each in modules)


def _unbound(tree: ast.Module) -> Iterator[tuple[str, ...]]:
    """Every dotted name whose first part nothing in the file binds."""
    bound = set(dir(builtins)) | set(_bound(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (chain := _chain(node)) and chain[0] not in bound:
            yield chain


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((name.asname or name.name).partition(".")[0] for name in names)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name


def _chain(node: ast.expr) -> tuple[str, ...]:
    """The parts of a dotted name; empty for any other expression."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute) and (before := _chain(node.value)):
        return (*before, node.attr)
    return ()


def _module(chain: tuple[str, ...]) -> str:
    """The longest beginning of a dotted name that is a module, the last part being an object."""
    found = ""
    for length in range(1, len(chain)):
        name = ".".join(chain[:length])
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, AttributeError, ValueError):
            break
        if spec is None:
            break
        found = name
    return found


def _line(tree: ast.Module) -> int:
    """Behind the last import at the top of the file."""
    tops = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    if tops:
        return max(each.end_lineno or each.lineno for each in tops)
    first = tree.body[0] if tree.body else None
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or 0) if first is not None and is_docstring else 0
