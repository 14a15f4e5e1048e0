"""Give a revision file another parent, and leave every other byte of it as it was."""

import ast
import re
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from dbtool import files
from dbtool.errors import OperationError
from dbtool.migrate.headers import of_text

_NAME = "down_revision"
_REVISES = re.compile(rb"^([ \t]*Revises:)[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Edit:
    """A file as it is and as it would be."""

    path: Path
    before: bytes
    after: bytes

    def diff(self, name: str) -> str:
        """The change as git shows it."""
        old, new = (text.decode("utf-8").splitlines() for text in (self.before, self.after))
        return "\n".join(unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm=""))

    def write(self) -> None:
        """Make the change, unless somebody changed the file meanwhile."""
        if self.path.read_bytes() != self.before:
            raise OperationError(
                f"{self.path.name} was changed meanwhile", detail="It is left as it is now."
            )
        try:
            files.write(self.path, self.after)
        except OSError as error:
            why = f"{error.strerror or error}. It is left as it was."
            raise OperationError(f'cannot write "{self.path}"', detail=why) from error


def follows(path: Path, parent: str) -> Edit:
    """The file with `down_revision`, and the line of its docstring, naming another parent.

    Raises OperationError where the parent is not one literal.
    """
    before = path.read_bytes()
    tree = _parsed(path, before)
    value = _value(path, tree)
    changes = [(*_span(before, value), _literal(before, tree, value, parent).encode())]
    doc = tree.body[0]
    if ast.get_docstring(tree, clean=False) is not None and isinstance(doc, ast.Expr):
        start, end = _span(before, doc.value)
        if found := _REVISES.search(before, start, end):
            changes.append((*found.span(), found[1] + b" " + parent.encode()))
    after = before
    for start, end, text in sorted(changes, reverse=True):
        after = after[:start] + text + after[end:]
    header = of_text(after.decode("utf-8"), path)
    if header is not None and header.down_revisions != (parent,):
        raise _refused(path, "it is assigned more than once")
    return Edit(path, before, after)


def _parsed(path: Path, text: bytes) -> ast.Module:
    try:
        text.decode("utf-8")
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise _refused(path, str(error)) from error


def _value(path: Path, tree: ast.Module) -> ast.Constant:
    """What is assigned; the file must say it once, as text or None."""
    found = [value for each in tree.body if (value := _assigned(each, _NAME)) is not None]
    if len(found) != 1:
        raise _refused(path, f"it assigns {_NAME} {len(found)} times")
    value = found[0]
    if isinstance(value, ast.Constant) and isinstance(value.value, str | None):
        return value
    raise _refused(path, f"its {_NAME} is {ast.unparse(value)}, not the name of one revision")


def _assigned(statement: ast.stmt, name: str) -> ast.expr | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id=target)]) if target == name:
            return statement.value
        case ast.AnnAssign(target=ast.Name(id=target)) if target == name:
            return statement.value
    return None


def _literal(text: bytes, tree: ast.Module, value: ast.Constant, parent: str) -> str:
    """The name in the quotes that the file uses."""
    model: ast.expr | None = value
    if value.value is None:
        named = (_assigned(each, "revision") for each in tree.body)
        model = next(filter(None, named), None)
    quote = '"'
    if model is not None:
        start, _ = _span(text, model)
        quote = "'" if text[start : start + 1] == b"'" else '"'
    return f"{quote}{parent}{quote}"


def _span(text: bytes, node: ast.expr) -> tuple[int, int]:
    """Where an expression stands in the file."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    mark = len(b"\xef\xbb\xbf") if text.startswith(b"\xef\xbb\xbf") else 0
    ends = [(node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)]
    start, end = (starts[line - 1] + column + (mark if line == 1 else 0) for line, column in ends)
    return start, end


def _refused(path: Path, why: str) -> OperationError:
    return OperationError(
        f"{path.name} cannot be put behind another revision",
        detail=f"{why[:1].upper()}{why[1:]}.",
        hint=f"Change {_NAME} in it by hand, or join the heads: dbtool merge heads.",
    )
