"""One report with every kind of section, and a finding that has everything."""

from dataclasses import dataclass

from dbtool.finding import Certainty, Finding, Fix, Location, Unknown
from dbtool.report import (
    Bar,
    Bars,
    Code,
    Column,
    Diff,
    Node,
    Report,
    Styled,
    Table,
    Text,
    Tree,
)
from dbtool.severity import Severity


@dataclass(frozen=True, slots=True)
class Data:
    """What a family would have returned."""

    total: int


FULL = Finding(
    rule="rows-discarded",
    severity=Severity.WARNING,
    title="99 % of the rows read from orders are thrown away",
    certainty=Certainty.MEASURED,
    evidence=("100,000 rows read, 12 kept", "filter: status = 'open'"),
    location=Location(file="app/queries.py", line=31, name="Seq Scan on orders"),
    fix=Fix(
        "sql",
        "CREATE INDEX CONCURRENTLY ix_orders_status\n    ON orders (status);",
        "an index for the filter",
    ),
)
BARE = Finding(
    rule="big-table",
    severity=Severity.ERROR,
    title="orders is rewritten",
    certainty=Certainty.HEURISTIC,
)
DOUBT = Unknown(
    rule="slow-statements",
    reason="no right to read pg_stat_statements",
    decide="GRANT pg_monitor TO app;",
)
TABLE = Table(
    (Column("application"), Column("state", shrink=True), Column("backends", "right")),
    (
        ("web", Styled("active", "good"), "12"),
        ("worker", Styled("idle in transaction", "error"), "1,024"),
    ),
    title="Backends",
)
EVERYTHING = Report(
    command="pool",
    data=Data(7),
    headline="12 of 97 slots are free",
    sections=(
        Text("Asked once.\nRead-only.", title="How"),
        TABLE,
        Tree((Node("head", (Node("a", (Node("b"),)), Node(Styled("c", "muted")))),), "History"),
        Code("sql", "SELECT 1\nFROM a;", "Statement"),
        Diff("--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n z\n", "Difference"),
        Bars((Bar("active", 12, 97, tone="good"), Bar("idle", 97, 97, "all of it")), "Slots"),
    ),
    findings=(FULL, BARE),
    unknowns=(DOUBT,),
    notes=("Nothing was changed.",),
    next=("dbtool locks", "dbtool top"),
    judged=True,
)
