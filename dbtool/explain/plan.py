"""A plan as PostgreSQL explained it: typed, flat, in the order it is printed.

What exists once per node is not frozen, though nothing changes it: a frozen dataclass takes
three times as long to make, which is a seventh of the time for a plan of 10,000 nodes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter

Value = object


GATHERS = frozenset({"Gather", "Gather Merge"})
"""Nodes that start parallel workers."""


@dataclass(slots=True)
class Buffers:
    """Blocks a node touched, in all its loops and processes, its children included."""

    shared_hit: int = 0
    shared_read: int = 0
    shared_dirtied: int = 0
    shared_written: int = 0
    local_hit: int = 0
    local_read: int = 0
    local_dirtied: int = 0
    local_written: int = 0
    temp_read: int = 0
    temp_written: int = 0

    @property
    def touched(self) -> int:
        """Blocks of tables and indexes that were looked at, cached or not."""
        return self.shared_hit + self.shared_read + self.local_hit + self.local_read

    @property
    def read(self) -> int:
        """Blocks that had to be fetched from outside shared buffers."""
        return self.shared_read + self.local_read


BLOCK_FIELDS = tuple(each.name for each in fields(Buffers))
_BLOCK_VALUES = attrgetter(*BLOCK_FIELDS)


@dataclass(slots=True)
class Actual:
    """What happened, per loop as PostgreSQL prints it; no times under `TIMING OFF`."""

    rows: float
    loops: int
    startup_ms: float | None = None
    total_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """One parallel worker's part in a node."""

    number: int
    actual: Actual | None
    props: Mapping[str, Value]

    @property
    def time(self) -> float:
        """Milliseconds this worker spent in the node and below it."""
        return (self.actual.total_ms or 0.0) * self.actual.loops if self.actual else 0.0


@dataclass(slots=True)
class Node:
    """One node of a plan.

    `id` counts nodes in the order PostgreSQL prints them, from 1; the nodes below this one
    are those up to but not including `end`. `gather` is the Gather whose workers run the node,
    0 where only the leader does. `props` holds what else was printed, under PostgreSQL's own
    keys.
    """

    id: int
    parent: int
    gather: int
    depth: int
    kind: str
    relationship: str
    subplan: str
    startup_cost: float
    total_cost: float
    plan_rows: float
    plan_width: int
    actual: Actual | None
    buffers: Buffers | None
    workers: tuple[Worker, ...]
    props: Mapping[str, Value]
    children: tuple[int, ...]
    end: int

    @property
    def executed(self) -> bool:
        """Whether the node ran at least once."""
        return self.actual is not None and self.actual.loops > 0

    @property
    def loops(self) -> int:
        """How often the node was started, over all processes."""
        return self.actual.loops if self.actual else 0

    @property
    def rows(self) -> float:
        """Rows the node returned in all its loops."""
        return self.actual.rows * self.actual.loops if self.actual else 0.0

    @property
    def time(self) -> float:
        """Milliseconds spent in the node and below it, over all loops and processes."""
        return (self.actual.total_ms or 0.0) * self.actual.loops if self.actual else 0.0

    @property
    def blocks(self) -> tuple[int, ...]:
        """The buffer counts in the order of `Buffers`; empty where they were not printed."""
        return tuple(_BLOCK_VALUES(self.buffers)) if self.buffers else ()

    @property
    def relation(self) -> str:
        """The table the node reads or writes, without its schema."""
        return self.text("Relation Name")

    @property
    def qualified(self) -> str:
        """The table with its schema where the plan tells it."""
        return ".".join(part for part in (self.text("Schema"), self.relation) if part)

    @property
    def alias(self) -> str:
        """The name the query gives what the node reads."""
        return self.text("Alias") or self.relation

    @property
    def is_gather(self) -> bool:
        """Whether the node collects the rows of parallel workers."""
        return self.kind in GATHERS

    def text(self, key: str) -> str:
        """A property that is text; empty where it was not printed."""
        value = self.props.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A property that is a list of texts."""
        value = self.props.get(key)
        return tuple(str(each) for each in value) if isinstance(value, list) else ()

    def number(self, key: str) -> float:
        """A property that is a number; 0 where it was not printed."""
        value = self.props.get(key)
        return value if isinstance(value, (float, int)) else 0


@dataclass(frozen=True, slots=True)
class Trigger:
    """The time one trigger took in the whole statement."""

    name: str
    relation: str
    constraint: str
    time_ms: float
    calls: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan and what was printed around it; `nodes[0]` is its root.

    `raw` is the server's own output, where it was asked and not read from a file.
    """

    nodes: tuple[Node, ...]
    planning_ms: float | None = None
    execution_ms: float | None = None
    triggers: tuple[Trigger, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    props: Mapping[str, Value] = field(default_factory=dict)
    raw: str = field(default="", repr=False, compare=False, metadata={"json": False})

    @property
    def root(self) -> Node:
        """The node whose rows are the statement's result."""
        return self.nodes[0]

    @property
    def depth(self) -> int:
        """How many levels lie below the root."""
        return max(node.depth for node in self.nodes)

    @property
    def analysed(self) -> bool:
        """Whether the statement was run and not only planned."""
        return self.root.actual is not None

    @property
    def timed(self) -> bool:
        """Whether the nodes carry times."""
        return self.root.actual is not None and self.root.actual.total_ms is not None

    def node(self, number: int) -> Node:
        """The node with this id."""
        return self.nodes[number - 1]

    def parent(self, node: Node) -> Node | None:
        """The node above, or None for the root."""
        return self.nodes[node.parent - 1] if node.parent else None

    def children(self, node: Node) -> Iterator[Node]:
        """The nodes right below, in the order they are printed."""
        return (self.nodes[number - 1] for number in node.children)

    def below(self, node: Node) -> tuple[Node, ...]:
        """All nodes below."""
        return self.nodes[node.id : node.end - 1]
