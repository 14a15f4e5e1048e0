"""Calls that are plain to see in the text of a proposal, read without a syntax tree."""

import ast
import re
from collections.abc import Mapping

_VALUE = r'(?:"[^"\\\n]*+"|True|False)'
# Before 3.11.5 Python matches possessive groups wrongly, as in Debian 12.
_ARGUMENTS = rf"(?:\s*(?:\w+=)?{_VALUE}(?:,|(?=\s*\))))*\s*"
_PIECE = re.compile(
    rf"""[ ]*+(?:
    with\ op\.get_context\(\)\.autocommit_block\(\):
  | \#[^\n]*+
  | op\.execute\(\n[ ]*+\"{{3}}\n(?P<sql>[^"\\]*(?:"(?!"")[^"\\]*)*)\"{{3}}\n[ ]*+\)
  | (?P<function>op\.\w++)\((?P<arguments>{_ARGUMENTS})\)
    )(?:\n++|\Z)""",
    re.VERBOSE,
)
_ARGUMENT = re.compile(r'(?:(\w+)=)?(?:"([^"]*)"|(True|False))')

Call = tuple[str, tuple[ast.expr, ...], Mapping[str, ast.expr]]
"""A function, what stands in its parentheses by place, and what by name."""


def spelled(code: str) -> list[Call] | None:
    """The calls of some code; None where there is more in it than texts and yes or no."""
    found: list[Call] = []
    at = 0
    while at < len(code):
        piece = _PIECE.match(code, at)
        if piece is None:
            return None
        at = piece.end()
        if (sql := piece["sql"]) is not None:
            found.append(("op.execute", (ast.Constant(sql),), {}))
        elif piece["function"] is not None:
            found.append((piece["function"], *_given(piece["arguments"])))
    return found


def _given(arguments: str) -> tuple[tuple[ast.expr, ...], Mapping[str, ast.expr]]:
    placed: list[ast.expr] = []
    named: dict[str, ast.expr] = {}
    for name, text, flag in _ARGUMENT.findall(arguments):
        value = ast.Constant(flag == "True" if flag else text)
        if name:
            named[name] = value
        else:
            placed.append(value)
    return tuple(placed), named
