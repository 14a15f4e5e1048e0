"""One statement of a team's Python file, and the same statement with something else in it."""

import ast
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

_MAKERS = frozenset({"Column", "mapped_column", "Field", "relationship", "Relationship"})
"""The calls that declare a column or a relationship, by the last part of their name."""


_WIDTH = 100
_NO_TYPES = frozenset({"ForeignKey", "Identity", "Sequence", "Computed", "FetchedValue"})
"""What may stand among the arguments of a column beside its name and type."""


@dataclass(frozen=True, slots=True)
class Written:
    """A statement, or one call of it, as it stands in a file, from its first column on."""

    file: str
    line: int
    text: str

    @property
    def tree(self) -> ast.stmt | None:
        """The statement as Python reads it; positions are those of `text`."""
        return _parsed(self.text)

    @property
    def call(self) -> ast.Call | None:
        """The call that declares a column or relationship; a Column in a Field before the Field."""
        found = [each for each in self._nodes() if maker(each)]
        inner = [each for each in found if maker(each) == "Column"]
        chosen = inner or found
        return chosen[0] if chosen and isinstance(chosen[0], ast.Call) else None

    @property
    def made_by(self) -> str:
        """What declares it: `Column`, `mapped_column`, `Field`, `relationship`; "" for nothing."""
        return maker(self.call) if self.call is not None else ""

    def _nodes(self) -> Iterator[ast.AST]:
        yield from ast.walk(self.tree) if self.tree is not None else ()

    def argument(self, name: str) -> ast.expr | None:
        """The value of a keyword of the call."""
        keywords = self.call.keywords if self.call is not None else []
        return next((each.value for each in keywords if each.arg == name), None)

    def first(self, fits: Callable[[ast.AST], bool]) -> ast.AST | None:
        """The first part, from the outside in, that fits."""
        return next((each for each in self._nodes() if fits(each)), None)

    def key_with_cascade(self) -> str | None:
        """The statement with ON DELETE CASCADE on its foreign key."""
        found = self.named("ForeignKey")
        if not isinstance(found, ast.Call):
            is_field = self.made_by == "Field" and self.argument("foreign_key") is not None
            return self.with_keyword("ondelete", '"CASCADE"') if is_field else None
        said = next((each.value for each in found.keywords if each.arg == "ondelete"), None)
        if said is not None:
            return self.replaced(said, '"CASCADE"')
        begun = self.source(found).removesuffix(")").rstrip(", \n")
        return self.replaced(found, f'{begun}, ondelete="CASCADE")')

    def call_with(self, name: str, words: tuple[str, ...]) -> "Written | None":
        """The call in it whose first argument is a name, or whose arguments are these words."""
        for node in self._nodes():
            if not isinstance(node, ast.Call):
                continue
            given = tuple(each.value for each in node.args if isinstance(each, ast.Constant))
            if given and (given[0] == name or given == words):
                return Written(self.file, self.line + node.lineno - 1, self.source(node))
        return None

    def named(self, *names: str) -> ast.expr | None:
        """The first call of one of these names, or the name itself where it is not called."""

        def calls(node: ast.AST) -> bool:
            return isinstance(node, ast.Call) and last_name(node.func) in names

        found = self.first(calls) or self.first(lambda node: last_name(node) in names)
        return found if isinstance(found, ast.expr) else None

    def source(self, node: ast.AST) -> str:
        """The text of one part."""
        return ast.get_source_segment(self.text, node) or ""

    def replaced(self, node: ast.expr | ast.keyword, code: str) -> str:
        """The statement with other code in the place of one part."""
        return _spliced(self.text, _start(node), _end(node), code)

    def with_keyword(self, name: str, value: str) -> str | None:
        """The statement with a keyword of its call set; None where nothing declares."""
        if self.call is None:
            return self._begun(name, value)
        if (known := self.argument(name)) is not None:
            return self.replaced(known, value)
        parts: list[ast.expr] = [*self.call.args, *(each.value for each in self.call.keywords)]
        if not parts:
            end = _end(self.call)
            inside = (end[0], end[1] - 1)
            return _spliced(self.text, inside, inside, f"{name}={value}")
        last = max(parts, key=_end)
        return _spliced(self.text, _end(last), _end(last), f"{self._joint()}{name}={value}")

    def with_type(self, kind: str, wanted: str) -> str | None:
        """The statement with another type than one it names; None where it names another yet."""
        if (found := self.named(kind)) is not None:
            return self.replaced(found, wanted)
        if any(_may_be_type(each) for each in (self.call.args if self.call is not None else ())):
            return None
        is_mapped = self.made_by == "mapped_column" or "Mapped[" in self.text
        return self.with_keyword(
            "type_" if is_mapped or self.made_by == "Column" else "sa_type", wanted
        )

    def without_keyword(self, name: str) -> str | None:
        """The statement without a keyword of its call; None where it has none."""
        if (value := self.argument(name)) is None or self.call is None:
            return None
        parts: list[ast.expr | ast.keyword] = [*self.call.args, *self.call.keywords]
        at = next(i for i, each in enumerate(parts) if getattr(each, "value", None) is value)
        if at:
            return _spliced(self.text, _end(parts[at - 1]), _end(parts[at]), "")
        after = _start(parts[1]) if len(parts) > 1 else _end(parts[0])
        return _spliced(self.text, _start(parts[0]), after, "")

    def without(self, *names: str) -> str | None:
        """The statement without several keywords; None where it has none of them."""
        changed = self
        for name in names:
            if (text := changed.without_keyword(name)) is not None:
                changed = replace(changed, text=text)
        return changed.text if changed is not self else None

    def _joint(self) -> str:
        """What stands between two arguments: a line break where each has a line of its own."""
        assert self.call is not None
        parts: list[ast.expr | ast.keyword] = [*self.call.args, *self.call.keywords]
        starts = [_start(each) for each in parts]
        lines = {line for line, _ in starts}
        if len(lines) != len(starts) or self.call.lineno in lines:
            return ", "
        return ",\n" + " " * starts[-1][1]

    def _begun(self, name: str, value: str) -> str | None:
        """An annotation alone, with a call behind it."""
        statement = self.tree
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            return None
        mapped = self.source(statement.annotation).startswith(("Mapped[", "orm.Mapped["))
        made = "mapped_column" if mapped else "Field"
        if statement.value is None:
            end = _end(statement.annotation)
            return _spliced(self.text, end, end, f" = {made}({name}={value})")
        if mapped or isinstance(statement.value, ast.Call):
            return None
        default = self.source(statement.value)
        return self.replaced(statement.value, f"{made}(default={default}, {name}={value})")


@lru_cache(maxsize=256)
def _parsed(text: str) -> ast.stmt | None:
    """The same text is always the same nodes, so that one can be looked for among them."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return None
    return body[0] if body else None


def _may_be_type(argument: ast.expr) -> bool:
    """Whether a positional argument of a column is its type: no name of it, and nothing else."""
    name = last_name(argument.func) if isinstance(argument, ast.Call) else last_name(argument)
    return not isinstance(argument, ast.Constant | ast.Starred) and name not in _NO_TYPES


def maker(node: ast.AST) -> str:
    """What a call declares a column or relationship by; "" for any other node."""
    return last_name(node.func) if isinstance(node, ast.Call) and is_maker(node.func) else ""


def is_maker(function: ast.expr) -> bool:
    """Whether a function declares columns or relationships."""
    return last_name(function) in _MAKERS


def last_name(node: ast.AST) -> str:
    """The last part of a dotted name; "" for any other expression."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def laid_out(text: str) -> str:
    """A statement whose call has too long a line, with its arguments on lines of their own."""
    written = Written("", 0, text)
    call = written.call
    if call is None or max(map(len, text.split("\n"))) <= _WIDTH:
        return text
    parts = [written.source(each) for each in (*call.args, *call.keywords)]
    line = text.split("\n")[call.lineno - 1]
    indent = " " * (len(line) - len(line.lstrip()))
    body = f"{indent}    {', '.join(parts)}\n"
    if len(body) > _WIDTH + 1 or "\n" in body[:-1]:
        body = "".join(f"{indent}    {each},\n" for each in parts)
    return _spliced(text, _end(call.func), _end(call), f"(\n{body}{indent})")


def dedented(lines: list[str]) -> str:
    """Lines of a file from their first column on."""
    return textwrap.dedent("\n".join(lines))


_Place = tuple[int, int]


def _start(node: ast.expr | ast.keyword) -> _Place:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.keyword) -> _Place:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def _spliced(text: str, start: _Place, end: _Place, code: str) -> str:
    """Python counts columns in bytes, and so does this."""
    lines = text.encode().split(b"\n")
    before, after = lines[start[0] - 1][: start[1]], lines[end[0] - 1][end[1] :]
    lines[start[0] - 1 : end[0]] = [before + code.encode() + after]
    return b"\n".join(lines).decode()
