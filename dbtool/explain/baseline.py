"""A plan worth keeping beside its query: shape, blocks, estimates, and nobody's values."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dbtool.errors import UsageError
from dbtool.explain.examined import Examined, Explained
from dbtool.explain.plan import Node, Plan
from dbtool.explain.selftime import Share
from dbtool.explain.wording import title
from dbtool.report import plain

FORMAT = 1
"""Number of the file's layout; raised when a field changes meaning or goes away."""

SUFFIX = ".plan.json"
_CONDITIONS = (
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Order By",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Cache Key",
)
_LITERAL = re.compile(
    r"""("(?:[^"]|"")*")|[EBX]?'(?:[^']|'')*'|(?<![\w$.])\d+(?:\.\d+)?(?![\w.])"""
)
"""A name in quotes, which stays, or a value, which does not."""

_RETURNS = re.compile(r" \(returns .*\)$")


@dataclass(frozen=True, slots=True)
class KeptNode:
    """One node as it is kept; figures that were not measured are None.

    `reads` names what a scan reads, the query's name for it included, and `index` by what.
    """

    depth: int
    kind: str
    title: str
    reads: str
    index: str
    subplan: str
    conditions: tuple[str, ...]
    cost: float
    expected: float
    rows: float | None = None
    loops: int | None = None
    blocks: int | None = None
    written: int | None = None
    own_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """One statement's plan as it is kept.

    `written` are blocks of temporary files; `values` tell apart several runs of one statement.
    """

    line: int
    fingerprint: str
    values: str
    nodes: tuple[KeptNode, ...]
    cost: float
    rows: float | None = None
    blocks: int | None = None
    written: int | None = None
    ms: float | None = None

    @property
    def measured(self) -> bool:
        """Whether it was run and its blocks were counted."""
        return self.blocks is not None

    @property
    def shape(self) -> tuple[str, ...]:
        """The plan in words, a line for each node and each of its conditions."""
        return tuple(line for node in self.nodes for line in _lines(node))


@dataclass(frozen=True, slots=True)
class Baseline:
    """What one file keeps: plans, the server and settings they came from, where the query is.

    `source` is the file with the statements, `name` the one of them that was meant and `params`
    the file with their values, both as seen from the baseline.
    """

    version: int
    statements: tuple[Kept, ...]
    settings: tuple[tuple[str, str], ...] = ()
    source: str = ""
    name: str = ""
    params: str = ""


def keep(explained: Explained) -> Baseline:
    """What is kept of explained statements."""
    settings: dict[str, str] = {}
    for each in explained.statements:
        settings |= each.plan.settings
    return Baseline(
        version=explained.version,
        statements=tuple(kept(each) for each in explained.statements),
        settings=tuple(sorted(settings.items())),
    )


def kept(examined: Examined) -> Kept:
    """What is kept of one statement."""
    plan, times = examined.plan, examined.times
    root = plan.root
    nodes = tuple(_node(node, times.of(node) if times else None, plan) for node in plan.nodes)
    bare = Kept(
        line=examined.line,
        fingerprint=_fingerprint(examined.sql),
        values=examined.values,
        nodes=nodes,
        cost=root.total_cost,
    )
    if times is None:
        return bare
    return replace(
        bare,
        rows=root.rows,
        blocks=root.buffers.touched if root.buffers else None,
        written=root.buffers.temp_written if root.buffers else None,
        ms=_rounded(times.total_ms) if plan.timed else None,
    )


def _node(node: Node, share: Share | None, plan: Plan) -> KeptNode:
    known = KeptNode(
        depth=node.depth,
        kind=node.kind,
        title=title(node),
        reads=_reads(node),
        index=node.text("Index Name"),
        subplan=_RETURNS.sub("", node.subplan),
        conditions=tuple(_conditions(node)),
        cost=node.total_cost,
        expected=node.plan_rows,
    )
    if share is None or node.actual is None:
        return known
    return replace(
        known,
        rows=node.actual.rows,
        loops=node.actual.loops,
        blocks=share.buffers.touched if share.buffers else None,
        written=share.buffers.temp_written if share.buffers else None,
        own_ms=_rounded(share.wall_ms) if plan.timed else None,
    )


def _rounded(milliseconds: float) -> float:
    return round(milliseconds, 3)


def _reads(node: Node) -> str:
    name = node.qualified or node.text("CTE Name") or node.text("Function Name")
    return " ".join(part for part in (name, node.text("Alias")) if part)


def _conditions(node: Node) -> Iterator[str]:
    for key in _CONDITIONS:
        if found := node.texts(key) or tuple(filter(None, [node.text(key)])):
            yield f"{key}: {without_values(', '.join(found))}"


def without_values(text: str) -> str:
    """An expression with `?` where it compares with a value."""
    return _LITERAL.sub(lambda found: found[1] or "?", text)


def _fingerprint(sql: str) -> str:
    import postgast

    from dbtool.sql.text import fingerprint

    try:
        return fingerprint(sql)
    except (postgast.PgQueryError, UnicodeEncodeError):
        return ""


def _lines(node: KeptNode) -> Iterator[str]:
    indent = "  " * node.depth
    yield indent + (f"{node.subplan}: {node.title}" if node.subplan else node.title)
    yield from (f"{indent}    {each}" for each in node.conditions)


def dumped(baseline: Baseline) -> str:
    """The text of the file, of which a diff shows what changed."""
    whole = plain(baseline)
    assert isinstance(whole, dict)
    return json.dumps({"dbtool": FORMAT, **whole}, ensure_ascii=False, indent=1) + "\n"


def is_one(text: str) -> bool:
    """Whether a text is a baseline and not a plan as PostgreSQL prints it."""
    return text.lstrip().startswith("{") and '"dbtool":' in text[:40]


def loads(text: str, name: str) -> Baseline:
    """Read the file back; UsageError where it is no baseline."""
    try:
        found = json.loads(text)
        if found.pop("dbtool") != FORMAT:
            raise _unreadable(name, "another version of dbtool wrote it")
        statements = tuple(_statement(each) for each in found.pop("statements"))
        settings = tuple((key, value) for key, value in found.pop("settings"))
        return Baseline(statements=statements, settings=settings, **found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unreadable(name, str(error)) from error


def _statement(found: dict[str, object]) -> Kept:
    nodes = found.pop("nodes")
    assert isinstance(nodes, list)
    made = (KeptNode(**{**each, "conditions": tuple(each["conditions"])}) for each in nodes)
    return Kept(nodes=tuple(made), **found)  # type: ignore[arg-type]


def _unreadable(name: str, why: str) -> UsageError:
    return UsageError(
        f"{name} is no baseline",
        detail=f"{why[:1].upper()}{why[1:]}.",
        hint="dbtool explain -f FILE.sql --save NAME writes one.",
    )
