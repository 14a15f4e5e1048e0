"""How nodes, times and counts are written."""

from dbtool.explain.plan import Node
from dbtool.finding import Location

_AGGREGATES = {"Hashed": "HashAggregate", "Sorted": "GroupAggregate", "Mixed": "MixedAggregate"}
_SET_OPERATIONS = {"Hashed": "HashSetOp", "Sorted": "SetOp"}
_READS_BY_INDEX = frozenset({"Index Scan", "Index Only Scan"})

IN_PARTS = (
    "the table is partitioned: create it ON ONLY the parent, then on each partition with"
    " CONCURRENTLY, and attach these to it"
)
"""How an index is made beside traffic where PostgreSQL knows no CONCURRENTLY."""


FOREIGN_PART = (
    "the table has a foreign table as a partition, where PostgreSQL creates no index: one ON ONLY"
    " the parent would stay invalid; the local partitions can be indexed one by one"
)


def title(node: Node) -> str:
    """The node as EXPLAIN's text format names it."""
    name = _operation(node)
    if node.props.get("Parallel Aware") is True and not node.is_gather:
        name = f"Parallel {name}"
    if node.text("Scan Direction") == "Backward":
        name += " Backward"
    if index := node.text("Index Name"):
        name += f" {'using' if node.kind in _READS_BY_INDEX else 'on'} {index}"
    if source := _source(node):
        name += f" on {source}"
    return name


def label(node: Node) -> str:
    """The node in a tree: its title, and before it what it is to the statement."""
    return f"{node.subplan}: {title(node)}" if node.subplan else title(node)


def where(node: Node) -> Location:
    """The node as the place of a finding; its number is the one in the tree."""
    return Location(name=f"#{node.id} {title(node)}")


def _operation(node: Node) -> str:
    match node.kind:
        case "Aggregate":
            name = _AGGREGATES.get(node.text("Strategy"), "Aggregate")
            part = node.text("Partial Mode")
            return name if part in ("", "Simple") else f"{part} {name}"
        case "SetOp":
            command = node.text("Command")
            return " ".join((_SET_OPERATIONS.get(node.text("Strategy"), "SetOp"), command)).strip()
        case "ModifyTable":
            return node.text("Operation") or node.kind
        case "Nested Loop" | "Hash Join" | "Merge Join":
            return _join(node)
    return node.kind


def _join(node: Node) -> str:
    join_type = node.text("Join Type")
    if join_type in ("", "Inner"):
        return node.kind
    base = node.kind.removesuffix(" Join")
    return f"{base} {join_type} Join"


def _source(node: Node) -> str:
    """What the node reads, and the query's name for it where that differs."""
    name = node.relation or node.text("CTE Name") or node.text("Function Name")
    alias = node.text("Alias")
    if not name and node.kind == "Subquery Scan":
        return alias
    return f"{name} {alias}" if name and alias not in ("", name) else name


def milliseconds(value: float) -> str:
    """A time with about three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def duration(value: float) -> str:
    """A time with its unit: milliseconds below ten seconds, seconds above."""
    return f"{milliseconds(value)} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def count(value: float) -> str:
    """A whole number with separators."""
    return f"{value:,.0f}"


def short_count(value: float) -> str:
    """A count in at most five characters."""
    if value < 10_000:
        return count(value)
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size * 10 or (unit != "k" and value >= size):
            scaled = value / size
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.3g}{unit}"
    return count(value)


def times(amount: float, noun: str) -> str:
    """`1 time` or `2 times`, with a count that is readable."""
    return f"{count(amount)} {noun}{'' if round(amount) == 1 else 's'}"


def memory(kilobytes: float) -> str:
    """A size as PostgreSQL's settings write it."""
    if kilobytes < 10_000:
        return f"{kilobytes:.0f}kB"
    if kilobytes < 10_000 * 1024:
        return f"{kilobytes / 1024:.0f}MB"
    return f"{kilobytes / 1024 / 1024:.0f}GB"


LARGEST_MB = 2**21
"""More megabytes than this are no value of work_mem."""


def plenty(kilobytes: float) -> str:
    """The next size worth setting that is no less than this, as far as the server takes it."""
    megabytes = 1
    while megabytes * 1024 < kilobytes and megabytes < LARGEST_MB:
        megabytes *= 2
    return f"{megabytes}MB"


PASTED = 72
"""Characters of SQL that a screen of 80 shows of a fix in one line."""


def on_lines(head: str, tail: str) -> str:
    """SQL in one line, or in two where a screen would break it anywhere."""
    whole = f"{head} {tail}"
    return whole if len(whole) <= PASTED else f"{head}\n    {tail}"
