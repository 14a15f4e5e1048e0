"""Which rules are asked: those of hazards; those of style only where somebody selects them."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Protocol, TypeVar

from dbtool.errors import UsageError
from dbtool.finding import rule_name
from dbtool.lint.run import ALL, Rules

EVERY = "all"
USUAL = "default"


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
