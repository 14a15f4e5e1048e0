"""A revision imports the application.

Why: a revision has to do the same for years. A model that it imports is the one of today: a
column added to the class later is asked for before it exists, a class that is renamed ends every
new installation, and its events and defaults run where nobody expects them.

When: an import of a module that is neither part of Python nor installed among its packages. A
module of column types is left alone. Name the table and the columns it needs instead. All
versions.

Bad:
```python
from shop.models import Order


def upgrade() -> None:
    op.execute("UPDATE orders SET status = 'open' WHERE id = 1")
```

Good:
```python
orders = sa.table("orders", sa.column("id"), sa.column("status"))


def upgrade() -> None:
    op.execute("UPDATE orders SET status = 'open' WHERE id = 1")
```
"""

import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec

from dbtool.finding import Certainty, Finding, Fix, Severity, rule_name
from dbtool.lint.actions import Write
from dbtool.lint.code import string
from dbtool.lint.revision import at, imports, tree
from dbtool.lint.saying import actions_of
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
_INSTALLED = ("site-packages", "dist-packages")


def check(whole: Whole) -> Iterator[Finding]:
    """Report imports of the application, all of a revision in one finding."""
    module = tree(whole.migration)
    found: dict[str, int] = {}
    for source, _, line in imports(module) if module is not None else ():
        if _is_application(source) and "type" not in source.rpartition(".")[2]:
            found.setdefault(source, line)
    if found:
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"it imports the application, which changes: {', '.join(found)}",
            certainty=Certainty.HEURISTIC,
            evidence=("a revision that ran once fails when the classes have moved on",),
            location=at(whole.migration, min(found.values())),
            fix=_fix(whole),
        )


def _is_application(source: str) -> bool:
    if source.startswith("."):
        return True
    first = source.partition(".")[0]
    return first not in sys.stdlib_module_names and not _is_installed(first)


@lru_cache(maxsize=256)
def _is_installed(name: str) -> bool:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return False
    places = [spec.origin or "", *(spec.submodule_search_locations or ())] if spec else []
    return any(part in place for place in places for part in _INSTALLED)


def _fix(whole: Whole) -> Fix | None:
    """The tables whose rows the revision changes, with the columns it names."""
    columns: dict[str, dict[str, None]] = {}
    for seen in actions_of(whole, Write):
        where = sorted(seen.action.where.columns) if seen.action.where is not None else []
        of = columns.setdefault(seen.action.table.name, {})
        of |= dict.fromkeys([*where, *(each for each in seen.action.columns if each)])
    if not columns:
        return None
    lines = []
    for table, names in columns.items():
        listed = "".join(f", sa.column({string(name)})" for name in names)
        lines.append(f"{table} = sa.table({string(table)}{listed})")
    return Fix("python", "\n".join(lines), "name the table and its columns in the revision")
