"""Which rules are asked: those of hazards; those of style only where somebody selects them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol, TypeVar

from dbtool.errors import UsageError
from dbtool.finding import rule_name
from dbtool.lint.rules import COMMENT_RULES, OPT_IN, RULES, WHOLE_RULES
from dbtool.lint.subject import CommentRule, StatementRule, WholeRule

EVERY = "all"
USUAL = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules that are asked: about one statement, about a migration, about comments."""

    statement: tuple[StatementRule, ...] = RULES
    whole: tuple[WholeRule, ...] = WHOLE_RULES
    comment: tuple[CommentRule, ...] = COMMENT_RULES

    @property
    def names(self) -> frozenset[str]:
        """The names of all of them."""
        statement, whole, comment = (
            {rule_name(each.__name__) for each in rules}
            for rules in (self.statement, self.whole, self.comment)
        )
        return frozenset(statement | whole | comment)

    @property
    def by_action(self) -> Mapping[type, tuple[StatementRule, ...]]:
        """Those about one statement, for each kind of action that they judge."""
        asked: dict[type, tuple[StatementRule, ...]] = {}
        for rule in self.statement:
            for kind in rule.ACTIONS:
                asked[kind] = (*asked.get(kind, ()), rule)
        return asked


ALL = Rules(statement=(*RULES, *OPT_IN))
"""Every rule, also those that are asked only where somebody selects them."""


class _Named(Protocol):
    @property
    def __name__(self) -> str: ...


R = TypeVar("R", bound=_Named)


def choose(
    select: Sequence[str], ignore: Sequence[str], places: tuple[str, str] = ("--select", "--ignore")
) -> Rules:
    """The rules selected, by default the usual ones, without those ignored.

    `all` is every rule there is, `default` the usual ones; `places` say where the names stand.
    """
    wanted = _names(select or (USUAL,), places[0]) - _names(ignore, places[1])
    return Rules(
        statement=_kept(ALL.statement, wanted),
        whole=_kept(ALL.whole, wanted),
        comment=_kept(ALL.comment, wanted),
    )


def _kept(rules: Iterable[R], wanted: frozenset[str]) -> tuple[R, ...]:
    return tuple(each for each in rules if rule_name(each.__name__) in wanted)


def _names(given: Iterable[str], place: str) -> frozenset[str]:
    found: set[str] = set()
    for written in given:
        name = written.strip().lower().replace("_", "-")
        if name == EVERY:
            found |= ALL.names
        elif name == USUAL:
            found |= Rules().names
        elif name in ALL.names:
            found.add(name)
        else:
            raise _unknown(written, place)
    return frozenset(found)


def _unknown(name: str, place: str) -> UsageError:
    near = get_close_matches(name.lower(), sorted((*ALL.names, EVERY, USUAL)), n=3)
    return UsageError(
        f'{place}: no rule of lint is called "{name}"',
        hint=f"Did you mean {' or '.join(near)}?" if near else "See dbtool rules for all.",
    )
