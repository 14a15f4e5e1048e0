"""The database records a revision that none of the files has.

What it means: the database was migrated with newer files, or with those of another branch.
Nobody can say what is pending, and `upgrade` refuses to guess.

Reads the version table that env.py configures.

Bad:
```shell
git switch main && dbtool status   # 1: the database is where a branch left it
```

Good:
```shell
git switch the-branch && dbtool downgrade -1 && git switch main
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.migrate.standing import Standing

NAME = rule_name(__name__)


def check(standing: Standing) -> Iterator[Finding]:
    """Name each revision without a file."""
    for revision in standing.unknown:
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR,
            title=f"{revision} is recorded, and no file has it",
            certainty=Certainty.MEASURED,
            evidence=("the database was migrated with newer files, or with another branch's",),
            location=Location(name=standing.version_table),
            fix=Fix("shell", f"git log --all -S {revision}   # where its file is"),
        )
