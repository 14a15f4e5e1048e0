"""The history has several heads: nobody can say which revision is the newest.

Why: two branches each added a revision behind the same one, and git merged both files without a
conflict. `upgrade head` refuses then, at the moment of the deploy. Either let a merge revision
join them, or put the one that is not deployed yet behind the other, which keeps the history
straight.

Heads that each have a branch label of their own, or that have no revision in common, are kept
apart on purpose, and are no finding.

Bad:
```shell
dbtool heads   # two revisions, both behind 4f2a9c
```

Good:
```shell
dbtool revision --rebase 81bd0e   # it is not deployed: it now comes behind the other
dbtool merge heads -m "join the two"   # both may be deployed
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.migrate.heads import Head, Heads
from dbtool.report import listed

NAME = rule_name(__name__)


def check(found: Heads) -> Iterator[Finding]:
    """Report heads that came apart, with what brought each of them."""
    if len(found.heads) < 2 or found.meant:
        return
    yield Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"there are {len(found.heads)} heads: {listed([e.revision for e in found.heads])}",
        certainty=Certainty.PROVEN,
        evidence=tuple(line for each in found.heads for line in _lines(each)),
        fix=Fix("shell", "dbtool merge heads -m MESSAGE", "or dbtool revision --rebase REVISION"),
    )


def _lines(head: Head) -> Iterator[str]:
    yield f"{head.revision} {head.message}"
    yield from (f"  {line}" for line in head.lines)
