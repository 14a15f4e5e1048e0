"""Read what a revision file says about itself without executing it.

Only literals count. Whatever is computed, imported or assigned twice makes the file opaque,
and the answer is then Alembic's to give.
"""

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_NAMES = frozenset({"revision", "down_revision", "branch_labels", "depends_on"})
_FIRST_BLOCK = re.compile(r"^(?:async def|def|class|if|for|while|try|with|@)\b", re.MULTILINE)
_LATER = {
    word: re.compile(rf"\b{word}\b")
    for word in (*sorted(_NAMES), "globals", "__doc__", "exec", "setattr")
}
_NAME = r"(?:revision|down_revision|branch_labels|depends_on)"
_TEXT = r"""(?:"[\w.\- ]*"|'[\w.\- ]*')"""
_VALUE = rf"(?:None|{_TEXT}|[(\[](?:{_TEXT}, ?)*{_TEXT},?[)\]])"
_REMARK = r"[ \t]*(?:#[^\n\0]*)?"
_MODULES = r"[^\W\d][\w.]*(?:,? [^\W\d][\w.]*)*"
_IMPORT = rf"(?![^\n]*(?:\b{_NAME}\b|__doc__))(?:from [^\W\d][\w.]* )?import {_MODULES}"
_LINE = rf"(?:(?:{_IMPORT}|{_NAME}(?:: [\w\[\], |.]+)? = {_VALUE})?{_REMARK})"
_PLAIN = re.compile(
    rf'\A(?:{_REMARK}\n)*+(?:"""([^"\\\0]*)"""{_REMARK}\n)?((?:{_LINE}\n)*+{_LINE})\Z'
)
_ASSIGNED = re.compile(rf"^({_NAME})\b[^=\n]*= ({_VALUE})", re.MULTILINE)
"""What nearly every revision is made of before its functions; anything else is parsed."""

_CREATED = re.compile(r"^Create Date:\s*(\S+(?: \S+)?)", re.MULTILINE)
_ID = re.compile(r"[^@:+\-]+\Z")


@dataclass(frozen=True, slots=True)
class Header:
    """What one revision file says about itself."""

    revision: str
    down_revisions: tuple[str, ...]
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    doc: str
    path: Path

    @property
    def message(self) -> str:
        """The first paragraph of the docstring, on one line."""
        return message(self.doc)


def message(doc: str) -> str:
    """The first paragraph of a revision's docstring, on one line."""
    return " ".join(doc.strip().partition("\n\n")[0].split("\nRevision ID:")[0].split())


def created(doc: str) -> str | None:
    """The date Alembic's template writes into the docstring, to the minute."""
    found = _CREATED.search(doc)
    return found.group(1)[:16] if found else None


def read_all(directories: Iterable[Path], recursive: bool = False) -> tuple[Header, ...] | None:
    """Every revision below the directories; None as soon as one file is not literal."""
    headers: list[Header] = []
    for path in files(directories, recursive):
        header = read(path)
        if header is None:
            return None
        headers.append(header)
    return tuple(headers)


def files(directories: Iterable[Path], recursive: bool = False) -> tuple[Path, ...]:
    """Every file that Alembic would load from these directories."""
    found = (_python_files(Path(os.path.realpath(each)), recursive) for each in directories)
    return tuple(dict.fromkeys(path for each in found for path in each))


def _python_files(directory: Path, recursive: bool) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        name = entry.name
        if entry.is_dir():
            if recursive and not (entry.is_symlink() or name.endswith("__pycache__")):
                yield from _python_files(Path(entry.path), recursive)
        elif name.endswith(".py") and not name.startswith(("__init__", ".#")):
            yield Path(os.path.realpath(entry.path) if entry.is_symlink() else entry.path)


def read(path: Path) -> Header | None:
    """The header of one revision file; None where it cannot be read off the source."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError):
        return None
    return of_text(text, path)


def of_text(text: str, path: Path) -> Header | None:
    """The header of a revision from its source."""
    head = _head(text)
    try:
        if plain := _PLAIN.match(head):
            return _of_plain(plain, path)
        tree = ast.parse(head)
    except (SyntaxError, ValueError):
        return None
    return _header(tree, path)


def _of_plain(found: re.Match[str], path: Path) -> Header | None:
    assigned = _ASSIGNED.findall(found[2])
    values = {name: _literal(text) for name, text in assigned}
    return _checked(values, found[1] or "", path) if len(values) == len(assigned) else None


def _literal(text: str) -> object:
    if text[0] in "([":
        value: object = ast.literal_eval(text)
        return value
    return None if text == "None" else text[1:-1]


def _head(text: str) -> str:
    """The source before the first block, unless the names occur again further down."""
    block = _FIRST_BLOCK.search(text)
    if block is None or _is_named_later(text, block.start()):
        return text
    return text[: block.start()]


def _is_named_later(text: str, start: int) -> bool:
    """Few files hold one of these words at all, and that is seen in a fraction of the time."""
    return any(
        text.find(word, start) >= 0 and pattern.search(text, start)
        for word, pattern in _LATER.items()
    )


def _header(tree: ast.Module, path: Path) -> Header | None:
    values: dict[str, object] = {}
    for statement in tree.body:
        name, value = _assignment(statement)
        if name is None:
            if _NAMES & _bound(statement):
                return None
        elif name in values or value is None:
            return None
        else:
            try:
                values[name] = ast.literal_eval(value)
            except (ValueError, TypeError, SyntaxError):
                return None
    return _checked(values, ast.get_docstring(tree, clean=False) or "", path)


def _assignment(statement: ast.stmt) -> tuple[str | None, ast.expr | None]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _NAMES:
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if name in _NAMES:
            return name, value
    return None, None


def _bound(statement: ast.stmt) -> set[str]:
    """Every name a statement may bind at module level, seen generously."""
    names: set[str] = set()
    todo: list[tuple[ast.AST, bool]] = [(statement, False)]
    while todo:
        node, inside = todo.pop()
        names |= _bound_by(node, inside)
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        todo += ((child, inside) for child in ast.iter_child_nodes(node))
    return names


def _bound_by(node: ast.AST, inside_function: bool) -> set[str]:
    match node:
        case ast.Global(names=declared):
            return set(declared)
        case ast.Call(func=ast.Name(id="globals" | "exec" | "vars" | "locals" | "setattr")):
            return set(_NAMES)
        case ast.Name(id="__doc__", ctx=ast.Store()):
            return set(_NAMES)
    if inside_function:
        return set()
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return {name}
        case ast.alias(name="*"):
            return set(_NAMES)
        case ast.alias(name=name, asname=asname):
            return {asname or name}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
    return set()


def _checked(values: dict[str, object], doc: str, path: Path) -> Header | None:
    revision = values.get("revision")
    if not isinstance(revision, str) or not _ID.match(revision) or "down_revision" not in values:
        return None
    down = _strings(values["down_revision"])
    labels = _strings(values.get("branch_labels"))
    depends = _strings(values.get("depends_on"))
    if down is None or labels is None or depends is None or revision in (*down, *depends):
        return None
    return Header(revision, down, labels, depends, _compiled(doc), path)


def _compiled(doc: str) -> str:
    """A docstring as the module has it: from 3.13 on the compiler takes its indentation off."""
    if sys.version_info < (3, 13):
        return doc
    module: dict[str, object] = {}
    exec(compile(repr(doc), "<docstring>", "exec"), module)
    return str(module["__doc__"])


def _strings(value: object) -> tuple[str, ...] | None:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple | set) and all(isinstance(each, str) for each in value):
        return tuple(value)
    return None
