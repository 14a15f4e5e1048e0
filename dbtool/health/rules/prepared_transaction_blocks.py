"""A prepared transaction that nobody has decided holds a lock that others wait for.

What it means: PREPARE TRANSACTION parts a transaction from its session. It keeps all its
locks, and holds back vacuum, until somebody says COMMIT PREPARED or ROLLBACK PREPARED, also
after a restart of the server. There is no process to cancel or terminate. It is left behind
by a transaction manager that crashed between the two phases.

Reads: pg_locks, pg_stat_activity and pg_prepared_xacts; any role may.

Thresholds: a warning once somebody has waited for it for a second, an error from 30 s on or
with 5 such sessions.

Now: ask the transaction manager how the others of its group were decided, and decide it the
same way, connected to its database as its owner or a superuser.

For good: let the transaction manager recover what it left, watch pg_prepared_xacts, and keep
max_prepared_transactions = 0 where nothing uses them.

Bad:
```sql
PREPARE TRANSACTION 'transfer-4711';  -- and the coordinator is restarted without its log
```

Good:
```sql
PREPARE TRANSACTION 'transfer-4711';
COMMIT PREPARED 'transfer-4711';
```
"""

from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, rule_name
from dbtool.health.tree import Blocking, Tree, named, trees, waits
from dbtool.report import counted, duration

NAME = rule_name(__name__)


def check(subject: Blocking) -> Iterator[Finding]:
    """One finding for each prepared transaction that a queue begins with."""
    for tree in trees(subject.forest):
        prepared, severity = tree.root.prepared, tree.severity
        if prepared is None or severity is None:
            continue
        yield Finding(
            rule=NAME,
            severity=severity,
            title=_title(tree),
            certainty=Certainty.MEASURED,
            evidence=(
                f"prepared {duration(prepared.seconds)} ago by {prepared.owner}"
                f" in database {prepared.database}",
                *waits(tree),
            ),
            fix=_look(prepared.name),
        )


def _title(tree: Tree) -> str:
    sessions = len(tree.waiters)
    verb = "waits" if sessions == 1 else "wait"
    title = f"{counted(sessions, 'session')} {verb} for a lock, up to {duration(tree.longest)}"
    return f"{title}: {named(tree.root)} holds it"


def _look(name: str) -> Fix:
    literal = name.replace("'", "''")
    return Fix(
        "sql",
        f"SELECT * FROM pg_prepared_xacts WHERE gid = '{literal}';",
        label="whoever prepared it decides: COMMIT PREPARED or ROLLBACK PREPARED",
    )
