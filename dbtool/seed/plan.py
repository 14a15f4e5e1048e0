"""What will be put where, and why: the plan that is shown, and hashed into a fingerprint."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date

from dbtool.report import plain
from dbtool.seed.live import LiveTable
from dbtool.seed.locale import Locale
from dbtool.seed.order import Edge
from dbtool.seed.overrides import UNRULED, TableRule
from dbtool.seed.rows import Population
from dbtool.seed.stream import GENERATOR_VERSION

# Fixed, so that one seed means one set of rows on every day and machine; --as-of moves it.
AS_OF = date(2026, 11, 1)


@dataclass(frozen=True, slots=True)
class Afterwards:
    """SQL of the user's own, run when the rows of a table are loaded; `name` says whose."""

    table: str
    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for; `rows` is for tables of their own, others follow from them.

    `rules` are a scenario's, by the quoted name of the table; the rows of tables in `kept` are
    the user's own: they are referred to, and none is made. `natural` are the columns by which
    files tell the rows of such a table apart. With `sample` no table of its own gets more rows
    than that.
    """

    rows: int = 1000
    scale: float = 1.0
    random_seed: int = 1
    tables: tuple[str, ...] = ()
    as_of: date = AS_OF
    rules: tuple[tuple[str, TableRule], ...] = ()
    kept: tuple[str, ...] = ()
    natural: tuple[tuple[str, tuple[str, ...]], ...] = ()
    after: tuple[Afterwards, ...] = ()
    sample: int = 0
    locale: Locale | None = None

    def rule(self, table: str) -> TableRule:
        """What a scenario says of a table, by its quoted name, at the scale asked for."""
        rule = next((rule for name, rule in self.rules if name == table), UNRULED)
        if not rule.rows:
            return rule
        rows = max(1, round(rule.rows * self.scale))
        if self.sample:
            rows = min(rows, self.sample)
        # Named rows are there at every scale.
        return replace(rule, rows=max(rows, min(rule.rows, len(rule.pins))))

    @property
    def base_rows(self) -> int:
        """Rows of a table that depends on no other."""
        rows = max(1, round(self.rows * self.scale))
        return min(rows, self.sample) if self.sample else rows


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One column: what makes its values, how that was recognised, how sure it is."""

    name: str
    type: str
    generator: str | None
    source: str
    confidence: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table that gets rows."""

    name: str
    rows: int
    per: str
    columns: tuple[ColumnPlan, ...]
    unread_checks: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A table that gets none, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """All tables in the order they are filled."""

    random_seed: int
    generator_version: int
    as_of: date
    tables: tuple[TablePlan, ...]
    skipped: tuple[Skipped, ...] = ()
    drift: tuple[str, ...] = ()
    fingerprint: str = ""
    locale: str = ""

    @property
    def rows(self) -> int:
        """All rows together."""
        return sum(table.rows for table in self.tables)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence to set behind the last key that was written."""

    name: str
    last: int


@dataclass(frozen=True, slots=True)
class Load:
    """One table with its rows, ready to be copied."""

    table: LiveTable
    population: Population
    sequences: tuple[Sequence, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan and the rows behind it."""

    plan: SeedPlan
    loads: tuple[Load, ...] = ()
    deferred: bool = False
    absent: tuple[Edge, ...] = ()
    after: tuple[Afterwards, ...] = ()


def seed_plan(
    request: Request,
    tables: tuple[TablePlan, ...],
    skipped: tuple[Skipped, ...],
    drift: tuple[str, ...],
) -> SeedPlan:
    """The plan, with a fingerprint of everything that decides the rows."""
    decides: list[object] = [request.random_seed, GENERATOR_VERSION, request.as_of, tables]
    locale = request.locale.shown if request.locale else ""
    if locale:
        decides.append(locale)
    text = json.dumps(plain(decides), sort_keys=True)
    return SeedPlan(
        random_seed=request.random_seed,
        generator_version=GENERATOR_VERSION,
        as_of=request.as_of,
        tables=tables,
        skipped=skipped,
        drift=drift,
        fingerprint=hashlib.sha256(text.encode()).hexdigest()[:16],
        locale=locale,
    )
