"""A migration at a glance: how many statements, what commits together, what is gone afterwards."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbtool.lint.actions import Action, Drop, DropColumn, Truncate
from dbtool.lint.linted import Outcome
from dbtool.statement import Statement

_HOLDS_ROWS = ("table", "materialized view", "schema", "foreign table", "sequence")


@dataclass(frozen=True, slots=True)
class Glance:
    """What one migration would do, in a line; `alone` statements commit by themselves."""

    name: str
    statements: int
    alone: int
    transactions: int
    drops: tuple[str, ...]
    read: bool

    @property
    def commits(self) -> str:
        """What commits with what: `together`, `each alone`, `together, 3 alone`."""
        if not self.statements:
            return ""
        if self.alone == self.statements:
            return "alone" if self.alone == 1 else "each alone"
        together = "together" if self.transactions == 1 else f"in {self.transactions} transactions"
        return f"{together}, {self.alone} alone" if self.alone else together


def glance(outcome: Outcome) -> Glance:
    """One judged migration at a glance."""
    statements = [verdict.statement for verdict in outcome.verdicts]
    dropped = (
        name
        for verdict in outcome.verdicts
        for step in verdict.steps
        for name in _dropped(step.action)
    )
    return Glance(
        name=outcome.name,
        statements=len(statements),
        alone=sum(each.transaction is None for each in statements),
        transactions=len(_transactions(statements)),
        drops=tuple(dict.fromkeys(dropped)),
        read=outcome.read,
    )


def _transactions(statements: Iterable[Statement]) -> set[int]:
    return {each.transaction for each in statements if each.transaction is not None}


def _dropped(action: Action) -> Iterator[str]:
    """What takes data away."""
    match action:
        case Drop(kind=kind, name=name) if kind in _HOLDS_ROWS:
            yield f"{kind} {name}"
        case DropColumn(table=table, column=column):
            yield f"column {table}.{column}"
        case Truncate(table=table):
            yield f"the rows of {table}"
