"""A column filled from a sequence comes near the end of its type.

What it means: the insert after the last value fails, and with it everything that writes to the
table. A bigint sequence in front of an integer column hides it: the sequence has hardly begun
when the column is full.

Reads: pg_sequence and the last value of each; that takes USAGE or SELECT on the sequence. One
that somebody alters or drops at the moment is not waited for, and is unknown.

Thresholds: a warning from 75 %, an error from 90 % of what fits both the column and the
sequence. check_postgres takes 85 and 95 of the sequence alone, pghero 90.

Now: an integer column gains as much again by counting from -2147483648: ALTER SEQUENCE … MINVALUE
-2147483648 RESTART WITH -2147483648, where nothing relies on positive numbers.

For good: bigint, by a new column, a trigger and a backfill; `dbtool lint` shows why ALTER COLUMN
TYPE is not the way for a large table.

Bad:
```sql
CREATE TABLE events (id serial PRIMARY KEY);
```

Good:
```sql
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
```
"""

from collections.abc import Iterator, Sized

from dbtool.finding import Certainty, Finding, Location, Severity, Unknown, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.report import counted, listed, percent

NAME = rule_name(__name__)
READS = ("keys",)
WARNING, ERROR = 0.75, 0.9
MANY = "{} keys run out of numbers"


def check(examined: Examined) -> Iterator[Finding | Unknown]:
    """Judge each column by what is left of its numbers."""
    for key in examined.keys or ():
        share = (key.last or 0) / key.most
        if share < WARNING or key.cycles:
            continue
        yield Finding(
            rule=NAME,
            severity=Severity.ERROR if share >= ERROR else Severity.WARNING,
            title=f"{key.column} ({key.type}) has used {percent(share)} of its numbers",
            certainty=Certainty.MEASURED,
            evidence=(f"{key.sequence} is at {key.last:,} of {key.most:,}",),
            location=Location(name=key.column),
        )
    yield from _unseen(examined)


def _unseen(examined: Examined) -> Iterator[Unknown]:
    """Those that somebody has locked, for which nothing waits, and those of other roles."""
    unseen = [key for key in examined.keys or () if key.last is None]
    locked = [key.sequence for key in unseen if key.locked]
    if locked:
        yield Unknown(
            rule=NAME,
            reason=f"{listed(locked, 3)} {_verb(locked, 'is', 'are')} locked by others just now",
            decide="run it again once dbtool locks shows nobody who alters them",
        )
    if hidden := [key for key in unseen if not key.locked]:
        yield Unknown(
            rule=NAME,
            reason=f"role {examined.rights.role} may not see where"
            f" {counted(len(hidden), 'sequence')} {_verb(hidden, 'stands', 'stand')}",
            decide=f"GRANT pg_read_all_data TO {examined.rights.grant.rpartition(' ')[2]}",
        )


def _verb(those: Sized, one: str, many: str) -> str:
    return one if len(those) == 1 else many
