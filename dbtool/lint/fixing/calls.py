"""Where in a revision a call stands, and whether something else can stand there."""

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dbtool.lint.code import autocommit
from dbtool.lint.fixing.place import Edit, NotMechanical
from dbtool.lint.revision import dotted, function, imports, text_of
from dbtool.statement import Statement

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_CONCURRENTLY = "postgresql_concurrently"
Body = Sequence[ast.stmt]


@dataclass(frozen=True, slots=True)
class Site:
    """The call of a statement; `alone` is true where each statement commits by itself.

    `margin` is the white space its line begins with; offsets count bytes of UTF-8.
    """

    start: int
    end: int
    margin: str
    source: str
    alone: bool


class Calls:
    """The calls of a revision's `upgrade` and `downgrade`; raises SyntaxError where it is none."""

    def __init__(self, text: str) -> None:
        content = text.encode()
        self._mark = 3 if text.startswith("\ufeff") else 0
        self._lines = content[self._mark :].splitlines(keepends=True)
        self._tree = ast.parse(content[self._mark :])
        self.imported = {name for _, name, _ in imports(self._tree)}

    @property
    def behind_imports(self) -> int:
        """Where one more import can stand: behind the one of Alembic."""
        nodes = [node for node in self._tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        own = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module == "alembic"]
        last = (own or nodes)[-1]
        return self._offset((last.end_lineno or last.lineno) + 1, 0)

    def site(self, statement: Statement) -> Site:
        """The one place that a statement is from; raises NotMechanical where it is no such."""
        found = [
            (node, alone)
            for node, alone in _calls(self._body("upgrade"))
            if node.lineno <= statement.line <= (node.end_lineno or node.lineno)
            and self._source(node) == statement.source.replace("\r\n", "\n")
        ]
        if len(found) != 1:
            raise NotMechanical(self._elsewhere(statement.line))
        node, alone = found[0]
        self._check(node, statement)
        return self._site(node, alone)

    def _check(self, node: ast.Call, statement: Statement) -> None:
        if not statement.operation.startswith("op.") or dotted(node.func) != statement.operation:
            raise NotMechanical("a function of your own makes it")
        bound = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        computed = any(isinstance(each, ast.JoinedStr | ast.Starred) for each in ast.walk(node))
        if computed or bound - self.imported or any(each.arg is None for each in node.keywords):
            raise NotMechanical("its arguments are computed")

    def _elsewhere(self, line: int) -> str:
        """Why nothing at the top of `upgrade` is the call on a line."""
        around = [
            node
            for node in ast.walk(self._tree)
            if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or line)
        ]
        if any(isinstance(node, _LOOPS) for node in around):
            return "it is called in a loop"
        names = [n.name for n in around if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        if names and names != ["upgrade"]:
            return f"it is called in the function {names[-1]}"
        if any(isinstance(node, ast.If | ast.Try | ast.With) for node in around):
            return "it is called in a block"
        return "it is no call by itself"

    def undone_concurrently(self, edits: Sequence[Edit]) -> Iterator[Edit]:
        """What drops on the way down an index that is built concurrently on the way up."""
        built = {name for edit in edits for name in _built(edit.text)}
        for node, alone in _calls(self._body("downgrade")):
            given = [each.arg for each in node.keywords]
            if dotted(node.func) != "op.drop_index" or alone or _CONCURRENTLY in given:
                continue
            if node.args and _name(node.args[0]) in built and node.lineno == node.end_lineno:
                with suppress(NotMechanical):
                    site = self._site(node, alone)
                    code = autocommit(f"{site.source[:-1]}, {_CONCURRENTLY}=True)")
                    yield Edit(site.start, site.end, code, site.margin)

    def _body(self, name: str) -> Body:
        found = function(self._tree, name)
        return found.body if found is not None else ()

    def _site(self, node: ast.Call, alone: bool) -> Site:
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno or 0, node.end_col_offset or 0)
        before = self._lines[node.lineno - 1][: node.col_offset].decode()
        behind = self._lines[(node.end_lineno or 0) - 1][node.end_col_offset :].decode().strip()
        if before.strip() or (behind and not behind.startswith("#")):
            raise NotMechanical("it shares its line with something else")
        return Site(start, end, before, self._source(node), alone)

    def _source(self, node: ast.expr) -> str:
        start = self._offset(node.lineno, node.col_offset) - self._mark
        end = self._offset(node.end_lineno or 0, node.end_col_offset or 0) - self._mark
        return b"".join(self._lines)[start:end].decode().replace("\r\n", "\n")

    def _offset(self, line: int, column: int) -> int:
        return self._mark + sum(map(len, self._lines[: line - 1])) + column


def _calls(body: Body, alone: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """The calls that are statements of a body, also those of its autocommit blocks."""
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node.value, alone
        elif isinstance(node, ast.With) and not alone and _is_outside(node):
            yield from _calls(node.body, alone=True)


def _is_outside(node: ast.With) -> bool:
    named = [dotted(each.context_expr) for each in node.items]
    return named == ["op.get_context().autocommit_block()"]


def _built(text: str) -> Iterator[str]:
    """The names of the indexes that new code builds concurrently."""
    if _CONCURRENTLY not in text or "create_index" not in text:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and dotted(node.func) == "op.create_index" and node.args:
            yield _name(node.args[0])


def _name(node: ast.expr) -> str:
    """The name that an argument is, be it marked as final with `op.f`."""
    if isinstance(node, ast.Call) and dotted(node.func) == "op.f" and node.args:
        node = node.args[0]
    return text_of(node)
