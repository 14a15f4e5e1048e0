"""A function, sequence, schema or extension is dropped while programs that use it run.

Why: the server cannot tell who calls a function or draws from a sequence. Programs that do fail
from that moment until the last of them is replaced.

When: it existed before, and none of that name is created in the same migration. All versions.

Bad:
```sql
DROP FUNCTION touch();
```

Good:
```sql
CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.actions import CreateFunction, CreateSequence, Drop
from dbtool.lint.saying import actions_of, place, shown
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
KINDS = ("function", "procedure", "routine", "aggregate", "sequence", "schema", "extension")


def check(whole: Whole) -> Iterator[Finding]:
    """Report what is dropped and not created again."""
    made = {seen.action.function.name for seen in actions_of(whole, CreateFunction)}
    made |= {seen.action.sequence.name for seen in actions_of(whole, CreateSequence)}
    for seen in actions_of(whole, Drop):
        kind, name = seen.action.kind, seen.action.name
        if kind in KINDS and name.name not in made and not seen.effect.fails:
            yield Finding(
                rule=NAME,
                severity=Severity.WARNING,
                title=f"{kind} {shown(whole.schema, name)}: running programs may still use it",
                certainty=Certainty.HEURISTIC,
                evidence=("calls of it fail; drop it after the programs that know it",),
                location=place(seen.statement),
            )
