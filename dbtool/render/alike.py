"""How formats for people tell findings that are alike: one whole, the others counted."""

from dbtool.finding import Finding
from dbtool.report import listed

NAMED = 3
"""Places of the others that are named."""


def counted_alike(alike: tuple[Finding, ...]) -> str:
    """How many the others are, where the first of them are, and whether each has its own fix."""
    first, *others = alike
    own = ", each with its own fix" if any(each.fix != first.fix for each in others) else ""
    places = listed([str(each.location) for each in others], NAMED)
    return f"and {len(others):,} alike{own}: {places}"


ALL = "--format json tells each of them"
"""Where those are that are only counted."""
