"""Set aside what is allowed, and judge the comments that allow it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dbtool.finding import Finding, Unknown
from dbtool.lint.allow import Allowance, Comment

Said = Finding | Unknown


@dataclass(frozen=True, slots=True)
class Allowed:
    """A finding, or a doubt, that the team allows, and its reason."""

    rule: str
    title: str
    file: str | None
    line: int | None
    reason: str


class Permit:
    """The allowances of one file, and which of their rules were needed."""

    def __init__(self, allowances: Sequence[Allowance]) -> None:
        self.allowances = allowances
        self.allowed: list[Allowed] = []
        self._used: dict[Allowance, set[str]] = {}

    def statement(self, said: Iterable[Said], line: int) -> Iterator[Said]:
        """What is left of what was said of the statement on a line."""
        if not self.allowances:
            yield from said
            return
        for each in said:
            place = each.location.line if each.location else None
            held = [
                one
                for one in self.allowances
                if one.holds(each.rule, line) or one.holds(each.rule, place)
            ]
            if not self._take(each, held):
                yield each

    def whole(self, said: Iterable[Said]) -> Iterator[Said]:
        """What is left of what was said of the migration; its comments may stand anywhere."""
        for each in said:
            if not self._take(each, [one for one in self.allowances if one.names(each.rule)]):
                yield each

    def comments(
        self, asked: frozenset[str], known: frozenset[str], *, certain: bool
    ) -> Iterator[Comment]:
        """The allowances with what became of them."""
        for each in self.allowances:
            used = frozenset(self._used.get(each, ()))
            yield Comment(allowance=each, used=used, asked=asked, known=known, certain=certain)

    def _take(self, said: Said, held: Sequence[Allowance]) -> bool:
        for each in held:
            self._used.setdefault(each, set()).add(said.rule)
        if held:
            title = said.title if isinstance(said, Finding) else said.reason
            place = said.location or held[0].location
            self.allowed.append(Allowed(said.rule, title, place.file, place.line, held[0].reason))
        return bool(held)
