"""Read a plan in EXPLAIN's text format into the objects its JSON format has.

A node is recognised by its arrow and by the figures at the end of its line, never by
parentheses in between: names and literals may hold anything, also line breaks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from dbtool.explain.build import BLOCK_KEYS
from dbtool.explain.plan import Value
from dbtool.explain.textline import described, number, properties

_COST = r"cost=(?P<startup>[\d.]+)\.\.(?P<total>[\d.]+) rows=(?P<rows>[\d.]+) width=(?P<width>\d+)"
_TIME = (
    r"(?:time=(?P<first>[\d.]+)\.\.(?P<last>[\d.]+) )?rows=(?P<seen>[\d.]+) loops=(?P<loops>\d+)"
)
_NODE = re.compile(
    rf"^(?P<blank>\s*)(?P<arrow>->\s+)?(?P<label>\S.*?)(?:\s+\({_COST}\))?"
    rf"(?:\s+\((?:actual {_TIME}|(?P<never>never executed))\))?\s*$",
    re.S,
)
_SUBPLAN = re.compile(r"^(\s*)((?:InitPlan|SubPlan) \S+(?: \(returns [^)]*\))?|CTE .+?)\s*$")
_WORKER = re.compile(rf"^(\s*)Worker (\d+):\s+(?:actual {_TIME}\s*$)?(.*)$")
_KEY = re.compile(r"^(\s*)([A-Z][\w/ ()-]*?):(?: (.*)|)$", re.S)
_TRIGGER = re.compile(
    r"^Trigger (?:(?P<name>(?!for constraint).+?)|for constraint (?P<constraint>.+?))"
    r"(?: on (?P<relation>.+?))?: (?:time=(?P<time>[\d.]+) )?calls=(?P<calls>\d+)$"
)
_TIMING = re.compile(r"(\w+) ([\d.]+) ms")
_SETTING = re.compile(r"([\w.]+) = '((?:[^']|'')*)'")
_MEMBERS = frozenset({"Append", "Merge Append", "BitmapAnd", "BitmapOr"})

Tree = dict[str, Value]


def looks_like_one(text: str) -> bool:
    """Whether a line of the text ends as a node of a plan does."""
    return any(
        found["total"] or found["seen"] or found["never"]
        for line in text.splitlines()
        if (found := _NODE.match(line))
    )


def documents(text: str) -> Iterator[Tree]:
    """The plans in a text, one after the other."""
    reader: _Reader | None = None
    before: list[str] = []
    for line in _lines(text):
        node = _NODE.match(line)
        is_node = node is not None and bool(node["total"] or node["seen"] or node["never"])
        if node is not None and is_node and not node["arrow"]:
            if reader is not None:
                yield reader.finished()
            reader = _Reader(len(node["blank"]), before)
            reader.node(node)
            before = []
        elif reader is None:
            before.append(line)
        elif node is not None and (is_node or node["arrow"]):
            reader.node(node)
        else:
            reader.line(line)
    if reader is not None:
        yield reader.finished()


def _lines(text: str) -> Iterator[str]:
    """Lines as the server printed them: a literal that goes on is one line."""
    held = ""
    for line in text.splitlines():
        held = f"{held}\n{line}" if held else line
        if not _open(held):
            yield held.rstrip() if "\n" not in held else held
            held = ""
    if held:
        yield from held.splitlines()


def _open(text: str) -> bool:
    """Whether a literal of a condition is still open at the end of a line."""
    found = _KEY.match(text)
    if found is None or found[2] == "Query Text":
        return False
    return _without_names(text).count("'") % 2 == 1 and text.count("\n") < _LONGEST_LITERAL


_LONGEST_LITERAL = 200
_NAMES = re.compile(r'"[^"\n]*"')


def _without_names(text: str) -> str:
    return _NAMES.sub("", text)


@dataclass(slots=True)
class _Open:
    """A node whose properties and children may still come; its column is that of its arrow."""

    column: int
    tree: Tree


@dataclass(slots=True)
class _Reader:
    """One plan on its way."""

    indent: int
    before: list[str]
    document: Tree = field(default_factory=dict)
    _open: list[_Open] = field(default_factory=list)
    _subplan: tuple[int, str] | None = None
    _worker: tuple[int, Tree] | None = None
    _section: str = ""

    def __post_init__(self) -> None:
        said = "\n".join(self.before).strip()
        if said.startswith("Query Text:"):
            self.document["Query Text"] = said.removeprefix("Query Text:").strip()

    def finished(self) -> Tree:
        """The whole plan; a node without a line on blocks touched none where others did."""
        nodes = [cast("Tree", self.document["Plan"])]
        for tree in nodes:
            nodes.extend(cast("list[Tree]", tree.get("Plans") or []))
        if any(BLOCK_KEYS[0] in tree for tree in nodes):
            for tree in nodes:
                tree.update({key: 0 for key in BLOCK_KEYS if key not in tree})
        return self.document

    def node(self, found: "re.Match[str]") -> None:
        """A line that is a node."""
        column = len(found["blank"]) - self.indent if found["arrow"] else -1
        self._worker = None
        tree = described(found["label"]) | _figures(found)
        subplan, self._subplan = self._subplan, None
        place = subplan[0] if subplan else column
        while self._open and self._open[-1].column >= place:
            self._open.pop()
        if self._open:
            above = self._open[-1].tree
            if not isinstance(above.get("Plans"), list):
                above["Plans"] = []
            below = cast("list[Tree]", above["Plans"])
            tree["Parent Relationship"] = _relationship(above, below, subplan)
            if subplan:
                tree["Subplan Name"] = subplan[1]
            below.append(tree)
        else:
            self.document["Plan"] = tree
        self._open.append(_Open(column, tree))

    def line(self, line: str) -> None:
        """A line that is none: a property, a heading, or something around the plan."""
        indent = len(line) - len(line.lstrip()) - self.indent
        if not line.strip():
            return
        if indent > 0 and (subplan := _SUBPLAN.match(line)):
            self._subplan = (indent, subplan[2])
        elif indent > 0 and not self._section:
            self._property(line, indent)
        elif key := _KEY.match(line):
            self._around(key[2], key[3] or "", line.strip(), indent)

    def _property(self, line: str, indent: int) -> None:
        tree = self._owner(indent)
        if worker := _WORKER.match(line):
            mine: Tree = {"Worker Number": int(worker[2])}
            if worker["loops"]:
                mine |= _actual(worker)
            cast("list[Tree]", tree.setdefault("Workers", [])).append(mine)
            self._worker = (indent, mine)
            line, tree = worker[worker.re.groups], mine
        elif self._worker and indent > self._worker[0]:
            tree = self._worker[1]
        else:
            self._worker = None
        if key := _KEY.match(line):
            kind = str(self._open[-1].tree.get("Node Type", ""))
            tree |= properties(key[2], (key[3] or "").strip(), kind)

    def _owner(self, indent: int) -> Tree:
        """The node a property belongs to: the innermost that is printed left of it."""
        for each in reversed(self._open):
            if each.column < indent:
                return each.tree
        return self._open[0].tree

    def _around(self, key: str, value: str, line: str, indent: int) -> None:
        if trigger := _TRIGGER.match(line):
            named = {
                "Trigger Name": trigger["name"] or "",
                "Constraint Name": trigger["constraint"] or "",
                "Relation": trigger["relation"] or "",
                "Time": float(trigger["time"] or 0),
                "Calls": int(trigger["calls"]),
            }
            cast("list[Tree]", self.document.setdefault("Triggers", [])).append(named)
        elif indent > 0 or not value:
            self._inside_section(key, value, indent)
        elif key == "Settings":
            self.document[key] = dict(_SETTING.findall(value))
        else:
            self.document[key] = number(value.removesuffix(" ms"))

    def _inside_section(self, key: str, value: str, indent: int) -> None:
        """Planning and JIT have lines of their own below them."""
        if indent <= 0:
            self._section = key
            return
        section = cast("Tree", self.document.setdefault(self._section, {}))
        if key == "Timing":
            section[key] = {name: float(time) for name, time in _TIMING.findall(value)}
        else:
            section |= properties(key, value, "")


def _figures(found: "re.Match[str]") -> Tree:
    tree: Tree = {}
    if found["total"]:
        tree |= {
            "Startup Cost": float(found["startup"]),
            "Total Cost": float(found["total"]),
            "Plan Rows": number(found["rows"]),
            "Plan Width": int(found["width"]),
        }
    if found["never"]:
        tree |= {"Actual Rows": 0, "Actual Loops": 0, "Actual Total Time": 0.0}
    return tree | _actual(found)


def _actual(found: "re.Match[str]") -> Tree:
    tree: Tree = {}
    if found["loops"]:
        tree |= {"Actual Rows": number(found["seen"]), "Actual Loops": int(found["loops"])}
    if found["last"]:
        tree["Actual Startup Time"] = float(found["first"])
        tree["Actual Total Time"] = float(found["last"])
    return tree


def _relationship(above: Tree, below: list[Tree], subplan: tuple[int, str] | None) -> str:
    if subplan:
        return "SubPlan" if subplan[1].startswith("SubPlan") else "InitPlan"
    if above.get("Node Type") in _MEMBERS:
        return "Member"
    if above.get("Node Type") == "Subquery Scan":
        return "Subquery"
    plain = [each for each in below if each["Parent Relationship"] in ("Outer", "Inner")]
    return "Inner" if plain else "Outer"
