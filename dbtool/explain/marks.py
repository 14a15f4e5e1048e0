"""Which findings are about which nodes of a plan."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dbtool.explain.causes import place_of
from dbtool.finding import Finding, Severity, together
from dbtool.report import Cell, Styled


@dataclass(frozen=True, slots=True)
class Marks:
    """The numbers of the findings at each node, and which of these are more than notes.

    `whole` are the nodes of findings that are told whole: each has a line in the table.
    """

    numbers: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    warning: frozenset[int] = frozenset()
    whole: frozenset[int] = frozenset()

    def over(self, first: int, last: int) -> Cell:
        """The numbers at the nodes of one line."""
        found = (self.numbers.get(node, ()) for node in range(first, last + 1))
        numbers = sorted({number for each in found for number in each})
        if not numbers:
            return ""
        text = f"[{','.join(map(str, numbers))}]"
        return Styled(text, "note" if self.warning.isdisjoint(numbers) else "warning")


def marks(findings: tuple[Finding, ...], told: int) -> Marks:
    """The marks of one statement's findings, after `told` of others; formats number them so."""
    numbers: dict[int, list[int]] = defaultdict(list)
    warning, whole = set(), set()
    for number, alike in enumerate(together(findings), told + 1):
        for node in filter(None, map(place_of, alike)):
            numbers[node].append(number)
        whole.add(place_of(alike[0]))
        if alike[0].severity > Severity.NOTE:
            warning.add(number)
    at = {node: tuple(listed) for node, listed in numbers.items()}
    return Marks(at, frozenset(warning), frozenset(whole))


def groups(findings: Iterable[Finding]) -> int:
    """How many numbers the findings take."""
    return sum(1 for _ in together(tuple(findings)))
