"""Small readers of Python syntax trees that several modules here need."""

import ast
from collections.abc import Iterator


def tail(node: ast.AST) -> str:
    """The last part of a dotted name, also below a subscript or a call."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return tail(node.func)
    return tail(node.value) if isinstance(node, ast.Subscript) else ""


def text(node: ast.AST | None) -> Iterator[str]:
    """The text a node stands for, where it is written out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
