"""Seed files as trees whose every value knows its file, line and column."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import yaml

from dbtool.errors import UsageError

YAML = (".yaml", ".yml")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, counted from 1; a CSV file has no columns of text."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file, *(str(number) for number in (self.line, self.column) if number)]
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as it is written; `plain` where no quotes say that it is text.

    Only what the core schema of YAML 1.2 and JSON call so is a number, a truth value or null:
    `NO` is Norway, and `007` an agent.
    """

    place: Place
    text: str
    plain: bool

    @property
    def value(self) -> bool | int | Decimal | str | None:
        """What it stands for where nothing else is known."""
        if not self.plain:
            return self.text
        if self.text in _NULL:
            return None
        if self.text in _TRUTH:
            return _TRUTH[self.text]
        if _WHOLE.fullmatch(self.text):
            return int(self.text)
        leading = re.match(r"[-+]?0[0-9]", self.text)
        if _DECIMAL.fullmatch(self.text) and not leading:
            return Decimal(self.text)
        return self.text


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping; `names` are the places of its keys."""

    place: Place
    fields: dict[str, "Node"]
    names: dict[str, Place]


Node = Scalar | Items | Fields


def refuse(place: Place, message: str, hint: str = "", detail: str = "") -> NoReturn:
    """Raise what is wrong with a file, beginning with where."""
    raise UsageError(f"{place}: {message}", detail=detail, hint=hint)


def near(name: str, known: Iterable[str]) -> str:
    """The hint that names what may have been meant, or all there is where that is short."""
    names = sorted(set(known))
    if found := get_close_matches(name, names, n=3):
        return f"Did you mean {' or '.join(found)}?"
    return f"There are: {', '.join(names)}." if 0 < len(names) <= 12 else ""


def plain_value(node: Node) -> object:
    """A tree as Python values, as JSON has them."""
    if isinstance(node, Scalar):
        value = node.value
        return float(value) if isinstance(value, Decimal) else value
    if isinstance(node, Items):
        return [plain_value(each) for each in node.items]
    return {name: plain_value(each) for name, each in node.fields.items()}


def read(path: Path, shown: str) -> Node:
    """The content of a YAML or JSON file."""
    return read_text(_text(path, shown), shown, is_json=path.suffix == ".json")


def read_text(text: str, shown: str, *, is_json: bool) -> Node:
    """The content of a file that is `shown` by this name."""
    if is_json:
        _judge_json(text, shown)
        # JSON allows tabs between values only, where YAML does not.
        text = text.replace("\t", " ")
    try:
        composed = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(shown, mark.line + 1, mark.column + 1) if mark else Place(shown)
        refuse(place, error.problem or "this is not YAML", detail=error.context or "")
    except (yaml.YAMLError, RecursionError) as error:
        refuse(Place(shown), "this is not YAML", detail=str(error))
    if composed is None:
        return Fields(Place(shown, 1, 1), {}, {})
    return _Reader(shown).node(composed)


def read_csv(path: Path, shown: str) -> tuple[tuple[str, ...], tuple[tuple[Scalar, ...], ...]]:
    """The header and the records of a CSV file."""
    reader = csv.reader(io.StringIO(_text(path, shown), newline=""), strict=True)
    records: list[tuple[Scalar, ...]] = []
    header: tuple[str, ...] = ()
    start = 1
    try:
        for record in reader:
            place, start = Place(shown, start), reader.line_num + 1
            if not record:
                continue
            if not header:
                header = tuple(name.strip() for name in record)
                _judge_header(header, place)
                continue
            if len(record) != len(header):
                refuse(place, f"{len(record)} fields where the header has {len(header)}")
            records.append(tuple(Scalar(place, field, plain=True) for field in record))
    except csv.Error as error:
        refuse(Place(shown, reader.line_num), f"this is not CSV: {error}")
    return header, tuple(records)


def _judge_header(header: tuple[str, ...], place: Place) -> None:
    for name in header:
        if not name or header.count(name) > 1:
            refuse(place, f'the header names "{name}" twice' if name else "a column has no name")


def _text(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(Place(shown), f"this is not UTF-8 text: byte {error.start}")
    except OSError as error:
        refuse(Place(shown), f"it cannot be read: {error.strerror}")


def _judge_json(text: str, shown: str) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        refuse(Place(shown, error.lineno, error.colno), f"this is not JSON: {error.msg}")
    except RecursionError:
        refuse(Place(shown), "it is nested too deeply")


class _Reader:
    """Turns what the YAML library composed into nodes of ours."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._open: list[int] = []

    def node(self, composed: yaml.Node) -> Node:
        """One value with all below it."""
        place = self._place(composed)
        if isinstance(composed, yaml.ScalarNode):
            return Scalar(place, _whole_characters(composed.value), self._is_plain(composed))
        if id(composed) in self._open:
            refuse(place, "the value contains itself")
        self._open.append(id(composed))
        try:
            if isinstance(composed, yaml.SequenceNode):
                return Items(place, tuple(map(self.node, composed.value)))
            return self._fields(composed, place)
        finally:
            self._open.pop()

    def _fields(self, composed: yaml.Node, place: Place) -> Fields:
        fields: dict[str, Node] = {}
        names: dict[str, Place] = {}
        merged: list[Fields] = []
        for key, value in composed.value:
            at = self._place(key)
            if not isinstance(key, yaml.ScalarNode):
                refuse(at, "a key must be a name")
            if key.tag.endswith(":merge"):
                merged += self._merged(self.node(value))
                continue
            if key.value in fields:
                refuse(
                    at, f'"{key.value}" stands here twice, first on line {names[key.value].line}'
                )
            names[key.value], fields[key.value] = at, self.node(value)
        for other in merged:
            for name, value in other.fields.items():
                fields.setdefault(name, value)
                names.setdefault(name, other.names[name])
        return Fields(place, fields, names)

    def _merged(self, node: Node) -> Iterator[Fields]:
        for each in node.items if isinstance(node, Items) else (node,):
            if not isinstance(each, Fields):
                refuse(node.place, "only a mapping can be merged into another")
            yield each

    def _is_plain(self, composed: yaml.ScalarNode) -> bool:
        return composed.style is None and not composed.tag.startswith("!")

    def _place(self, composed: yaml.Node) -> Place:
        return Place(self._shown, composed.start_mark.line + 1, composed.start_mark.column + 1)


def _whole_characters(text: str) -> str:
    """JSON writes a character outside the first plane as two escapes."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
