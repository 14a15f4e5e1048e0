"""What the rules of explain judge: a plan, its times, and what the catalog knows."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from dbtool.explain.estimates import Estimates
from dbtool.explain.facts import Facts, TableFacts
from dbtool.explain.plan import Node, Plan
from dbtool.explain.runs import Runs
from dbtool.explain.selftime import Times, measure
from dbtool.explain.waits import Wait

WORTH_TELLING = 0.05
"""The share of the whole time below which a node is left alone."""


@dataclass(frozen=True, slots=True)
class Others:
    """What is known of a statement besides one plan: more runs, the plan for any values, waits."""

    runs: Runs | None = None
    generic: Plan | None = None
    wait: Wait | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysed plan before the rules."""

    plan: Plan
    times: Times
    facts: Facts = field(default_factory=Facts)
    others: Others = field(default_factory=Others)
    estimates: Estimates = field(init=False, repr=False)
    ran: tuple[Node, ...] = field(init=False, repr=False)
    """The nodes that were executed."""

    _by_kind: Mapping[str, tuple[Node, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimates", Estimates(self.plan))
        object.__setattr__(self, "ran", tuple(node for node in self.plan.nodes if node.executed))
        by_kind: dict[str, list[Node]] = defaultdict(list)
        for node in self.ran:
            by_kind[node.kind].append(node)
        frozen = {kind: tuple(nodes) for kind, nodes in by_kind.items()}
        object.__setattr__(self, "_by_kind", frozen)

    def of_kind(self, *kinds: str) -> tuple[Node, ...]:
        """The executed nodes of some kinds, in the order of the plan."""
        found = [node for kind in kinds for node in self._by_kind.get(kind, ())]
        return tuple(sorted(found, key=lambda node: node.id) if len(kinds) > 1 else found)

    def inputs(self, node: Node) -> tuple[Node, ...]:
        """The nodes whose rows a node takes."""
        below = self.plan.children(node)
        return tuple(each for each in below if each.relationship not in ("InitPlan", "SubPlan"))

    def part(self, node: Node) -> float:
        """The node's own share of the time; 1 where the plan carries no times."""
        return self.times.part(node) if self.plan.timed else 1.0

    def part_below(self, node: Node) -> float:
        """The share of a node and all that is printed below it."""
        if not self.plan.timed:
            return 1.0
        return min(1.0, sum(self.times.part(each) for each in (node, *self.plan.below(node))))

    def matters(self, node: Node) -> bool:
        """Whether the node takes enough of the time to be worth telling."""
        return node.executed and self.part(node) >= WORTH_TELLING

    def table(self, node: Node) -> TableFacts | None:
        """What the catalog knows of the table a node reads."""
        if not self.facts.tables:
            return None
        return self.facts.table(node.text("Schema"), node.relation)


def analyse(plan: Plan, facts: Facts | None = None, others: Others | None = None) -> Analysis:
    """Measure a plan and put it beside the facts, and what else is known of the statement."""
    return Analysis(plan, measure(plan), facts or Facts(), others or Others())
