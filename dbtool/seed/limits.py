"""Values moved into what pydantic's annotations of them allow."""

import datetime as dt
import decimal
import re
from collections.abc import Iterable, Mapping
from typing import Any

from dbtool.seed.patterns import matching

_NAMES = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")


def stated(limits: Iterable[Any]) -> dict[str, Any]:
    """The bounds that annotations name, also inside pydantic's fields."""
    found: dict[str, Any] = {}
    for limit in limits:
        inner = getattr(limit, "metadata", None)
        if isinstance(inner, list | tuple):
            found |= stated(inner)
        for name in _NAMES:
            bound = getattr(limit, name, None)
            if bound is not None and not callable(bound):
                found[name] = bound
    return found


def within(made: Any, known: Mapping[str, Any], number: int = 0) -> Any:
    """A number, a span of time or text, moved; `number` is that of a pattern's text."""
    if isinstance(made, str):
        return _text(made, known, number)
    if isinstance(made, int | float | decimal.Decimal | dt.timedelta) and not isinstance(
        made, bool
    ):
        return _amount(made, known)
    return made


def _amount(made: Any, known: Mapping[str, Any]) -> Any:
    def own(name: str) -> Any:
        bound = known.get(name)
        if bound is None or isinstance(made, dt.timedelta):
            return bound
        return type(made)(str(bound) if isinstance(made, decimal.Decimal) else bound)

    ge, gt, le, lt = map(own, ("ge", "gt", "le", "lt"))
    one = dt.timedelta(seconds=1) if isinstance(made, dt.timedelta) else type(made)(1)
    low, high = (gt if ge is None else ge), (lt if le is None else le)
    if isinstance(made, int):
        low, high = (gt + 1 if low is gt and gt is not None else low), high
        high = lt - 1 if high is lt and lt is not None else high
        made = made if low is None else max(made, low)
        made = made if high is None else min(made, high)
        step = int(known.get("multiple_of") or 1)
        return -(-made // step) * step
    if (low is None or made > low or made == ge) and (high is None or made < high or made == le):
        return made
    if low is not None and high is not None:
        return low + (high - low) / 2
    return low + one if low is not None else high - one


def _text(made: str, known: Mapping[str, Any], number: int) -> str:
    low, high = int(known.get("min_length", 0)), known.get("max_length")
    regex = known.get("pattern")
    regex = regex.pattern if isinstance(regex, re.Pattern) else regex
    if isinstance(regex, str) and (maker := matching("", regex, low, high)):
        # A prime step changes more than the last place.
        return made if re.search(regex, made) else maker.plain(number * 7919)
    return made.ljust(low, "x")[:high]
