"""A file of Python: its classes, what they bind, and its statements as text."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbtool.migrate.written import Written, dedented, last_name


@dataclass(frozen=True, slots=True)
class File:
    """A file, with its classes by their qualified names."""

    shown: str
    lines: list[str]
    tree: ast.Module
    classes: dict[str, ast.ClassDef]

    def written(self, node: ast.stmt | ast.expr) -> Written:
        """One statement of it, or one expression."""
        assert node.end_lineno is not None
        lines = self.lines[node.lineno - 1 : node.end_lineno]
        if isinstance(node, ast.expr):
            text = ast.get_source_segment("\n".join(self.lines), node) or ""
            return Written(self.shown, node.lineno, text)
        return Written(self.shown, node.lineno, dedented(lines))

    def first_line(self, node: ast.stmt) -> Written:
        """Only the line a statement begins with."""
        return Written(self.shown, node.lineno, self.lines[node.lineno - 1].strip())


def read(path: Path, shown: str) -> File | None:
    """A file of Python; None where it cannot be read as such."""
    try:
        text = path.read_text("utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return None
    return File(shown, text.split("\n"), tree, dict(_classes(tree.body)))


def _classes(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, ast.ClassDef]]:
    """Every class of a file by its qualified name, also those below a condition."""
    for statement in body:
        match statement:
            case ast.ClassDef(name=name):
                yield f"{within}{name}", statement
                yield from _classes(statement.body, f"{within}{name}.")
            case ast.FunctionDef(name=name):
                yield from _classes(statement.body, f"{within}{name}.<locals>.")
            case ast.If(body=then, orelse=other) | ast.Try(body=then, orelse=other):
                yield from _classes([*then, *other], within)


def column_call(node: ast.stmt, name: str) -> ast.Call | None:
    """The call that makes a column of a table."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and last_name(call.func) == "Column":
            given = [each.value for each in call.args if isinstance(each, ast.Constant)]
            if name in given:
                return call
    return None


def names(statement: ast.stmt) -> tuple[str, ...]:
    """The names a statement of a class body binds."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.FunctionDef(name=name):
            return (name,)
        case ast.Assign(targets=targets):
            return tuple(each.id for each in targets if isinstance(each, ast.Name))
    return ()


def assignment(tree: ast.Module, name: str) -> ast.stmt | None:
    """The statement of a module that binds a name."""
    return next((each for each in tree.body if name in names(each)), None)
