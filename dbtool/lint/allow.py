"""What a team allows, and why: comments of the form `dbtool: allow RULE[, RULE] -- reason`."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from dbtool.finding import Location
from dbtool.statement import Migration

_MARK = "dbtool:"
_NAME = r"[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*"
_COMMENT = re.compile(
    rf"dbtool:\s*allow\b:?\s*(?P<rules>{_NAME}(?:\s*,\s*{_NAME})*)?\s*(?P<rest>.*?)\s*(?:\*/)?\s*$",
    re.IGNORECASE,
)
_REASON = re.compile(r"(?:--+|[—–])\s*(?P<reason>\S.*)")
_IN_SQL = re.compile(r"--\s*(?P<said>dbtool:.*)", re.IGNORECASE)
_IN_PYTHON = re.compile(r"#\s*(?P<said>dbtool:.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One comment; it is about the statements that begin from line `first` to line `last`."""

    rules: tuple[str, ...]
    reason: str
    location: Location
    first: int
    last: int

    def holds(self, rule: str, line: int | None) -> bool:
        """Whether it allows a rule's finding on a line; without a reason it allows nothing."""
        return self.names(rule) and line is not None and self.first <= line <= self.last

    def names(self, rule: str) -> bool:
        """Whether it gives a reason for a rule."""
        return bool(self.reason) and rule in self.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One allowance after everything was judged.

    `used` are the rules it kept quiet, `asked` those that judged, `known` all there are.
    `certain` is false where a part of the migration could not be read.
    """

    allowance: Allowance
    used: frozenset[str]
    asked: frozenset[str]
    known: frozenset[str] = field(repr=False)
    certain: bool = True


def allowances(migration: Migration) -> tuple[Allowance, ...]:
    """The comments of a migration's file."""
    if _MARK not in migration.text.lower():
        return ()
    lines = migration.text.splitlines()
    if migration.file.endswith(".py"):
        parts = tuple(_parts_of_python(migration.text))
        about = _Lines(lines, "#", tuple(part for part in parts if not part.prose))
        prose = [part for part in parts if part.prose]
        written = [
            (line, said)
            for line, said in _comments_of_python(migration.text)
            if not any(part.first <= line <= part.last for part in prose)
        ]
    else:
        about = _Lines(lines, "--", tuple(_parts_of_sql(migration)))
        written = list(_marked(enumerate(lines, 1), _IN_SQL))
    return tuple(_allowances(migration, written, about))


def _allowances(
    migration: Migration, written: Iterable[tuple[int, str]], about: "_Lines"
) -> Iterator[Allowance]:
    for line, said in written:
        if found := _COMMENT.match(said):
            rules = (found["rules"] or "").lower().replace("_", "-").split(",")
            reason = _REASON.match(found["rest"])
            yield Allowance(
                tuple(dict.fromkeys(each.strip() for each in rules if each.strip())),
                reason["reason"] if reason else "",
                Location(migration.file or None, line),
                *about.of(line),
            )


def _marked(lines: Iterable[tuple[int, str]], mark: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        if found := mark.search(line):
            yield number, found["said"]


def _comments_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Python's comments, and those of SQL inside of strings."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if _MARK in token.string.lower():
                mark = _IN_PYTHON if token.type == tokenize.COMMENT else _IN_SQL
                yield from _marked(enumerate(token.string.splitlines(), token.start[0]), mark)
    except (tokenize.TokenError, SyntaxError):
        return


@dataclass(frozen=True, slots=True)
class _Part:
    """A statement of a file by its lines; `body` is where that of a compound one begins.

    `prose` is a docstring: what it says is said to people.
    """

    first: int
    last: int
    body: int | None = None
    prose: bool = False


def _parts_of_sql(migration: Migration) -> Iterator[_Part]:
    for each in migration.up:
        yield _Part(each.line, each.line + each.sql.count("\n"))


def _parts_of_python(text: str) -> Iterator[_Part]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            begin = body[0].lineno if isinstance(body, list) and body else None
            yield _Part(node.lineno, node.end_lineno or node.lineno, begin, _is_prose(node))


def _is_prose(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    """Finds what a comment is about: what it stands in or beside, else what begins below it."""

    lines: list[str]
    mark: str
    parts: tuple[_Part, ...]

    def of(self, line: int) -> tuple[int, int]:
        """The lines of the statement, or of the block, a comment is about."""
        around = [part for part in self.parts if part.first <= line <= part.last]
        inner = min(around, key=lambda part: part.last - part.first, default=None)
        if inner is not None and (inner.body is None or line < inner.body):
            alone = self._is_comment(line)
            if inner.body is None or not alone:
                return inner.first, inner.last
        return self._below(line)

    def _below(self, line: int) -> tuple[int, int]:
        target = line + 1
        while self._is_comment(target):
            target += 1
        begun = [part for part in self.parts if part.first == target]
        return target, max((part.last for part in begun), default=target)

    def _is_comment(self, line: int) -> bool:
        return line <= len(self.lines) and self.lines[line - 1].lstrip().startswith(self.mark)
