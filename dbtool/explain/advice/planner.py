"""Who decides whether an index would be used: a planner that is shown it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.plan import Plan
from dbtool.explain.session import Session


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement to be planned; `parameters` are placeholders that have no value.

    `weight` is how often it runs; `caused` tells that another statement sets it off, `bound`
    that its constants stand where the application has parameters.
    """

    text: str
    line: int = 1
    parameters: int = 0
    weight: float = 1.0
    name: str = ""
    caused: bool = False
    bound: bool = False

    async def plan(self, session: Session) -> Plan:
        """Its plan in a transaction of whatever server."""
        if self.parameters:
            return await session.generic(self.text, self.line, self.parameters)
        return await session.plan(self.text, self.line)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and which of the indexes it was shown are in it."""

    plan: Plan
    used: frozenset[Candidate] = frozenset()


class Planner(Protocol):
    """Plans statements as if some indexes existed."""

    @property
    def told(self) -> str:
        """Which planner that is, to be told."""

    def refused(self, candidate: Candidate) -> str:
        """Why it cannot be shown an index; empty where it can."""

    async def plan(
        self,
        asked: Asked,
        indexes: Sequence[Candidate] = (),
        settings: Sequence[tuple[str, str]] = (),
    ) -> Planned:
        """The plan with these indexes and no other new ones."""


def named(plan: Plan, names: dict[str, str]) -> Plan:
    """The plan with other names for some indexes."""
    for node in plan.nodes:
        if (name := node.text("Index Name")) in names:
            node.props = {**node.props, "Index Name": names[name]}
    return plan


def cost(plan: Plan) -> float:
    """What the planner expects to spend on a statement."""
    return plan.root.total_cost


def with_used(plan: Plan, holders: dict[str, Candidate], names: dict[str, str]) -> Planned:
    """The plan told by final names, and the candidates that appear in it."""
    seen = {node.text("Index Name") for node in plan.nodes}
    used = frozenset(candidate for name, candidate in holders.items() if name in seen)
    return replace(Planned(named(plan, names)), used=used)
