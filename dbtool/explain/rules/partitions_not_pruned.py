"""All partitions are searched for rows that lie in a few.

Why: PostgreSQL leaves a partition out only when the condition speaks of the partition key, in a
form it can compare with the bounds.

When: ten partitions or more were searched, four fifths of them returned nothing, and none was
left out. Add the key to the condition, or the column to the key; where the condition has a
function of the key, write it as bounds of the key itself. PostgreSQL 14+.

Bad:
```sql
CREATE TABLE events (id int, day int) PARTITION BY HASH (id);
DO $$ BEGIN FOR n IN 0..11 LOOP
  EXECUTE format('CREATE TABLE events_%s PARTITION OF events FOR VALUES WITH (MODULUS 12,'
    ' REMAINDER %s)', n, n);
END LOOP; END $$;
INSERT INTO events SELECT g, g FROM generate_series(1, 24000) g;
ANALYZE events;
SELECT * FROM events WHERE day = 77;
```

Good:
```sql
CREATE TABLE events (id int, day int) PARTITION BY HASH (id);
DO $$ BEGIN FOR n IN 0..11 LOOP
  EXECUTE format('CREATE TABLE events_%s PARTITION OF events FOR VALUES WITH (MODULUS 12,'
    ' REMAINDER %s)', n, n);
END LOOP; END $$;
INSERT INTO events SELECT g, g FROM generate_series(1, 24000) g;
ANALYZE events;
SELECT * FROM events WHERE id = 77;
```
"""

from collections.abc import Iterator

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.wording import count, where
from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.report import percent

NAME = rule_name(__name__)
LEAST_CHILDREN = 10
LEAST_EMPTY = 0.8
LEAST_SHARE = 0.05


def check(analysis: Analysis) -> Iterator[Finding]:
    """Report appends nearly all of whose partitions had nothing."""
    for node in analysis.of_kind("Append", "Merge Append"):
        if node.number("Subplans Removed") or len(node.children) < LEAST_CHILDREN:
            continue
        ran = [each for each in analysis.inputs(node) if each.executed]
        empty = sum(1 for each in ran if not each.rows)
        filtered = any(each.text("Filter") or each.text("Index Cond") for each in ran)
        wasted = len(ran) >= LEAST_CHILDREN and empty >= LEAST_EMPTY * len(ran)
        if wasted and filtered and analysis.part_below(node) >= LEAST_SHARE:
            yield _finding(analysis, node, ran, empty)


def _finding(analysis: Analysis, node: Node, ran: list[Node], empty: int) -> Finding:
    first = next(each for each in ran if each.text("Filter") or each.text("Index Cond"))
    condition = first.text("Filter") or first.text("Index Cond")
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{count(len(ran))} partitions searched, {count(empty)} of them for nothing",
        certainty=Certainty.MEASURED,
        evidence=(
            f"{percent(analysis.part_below(node))} of the time",
            f"nothing compares the partition key itself with values known beforehand: {condition}",
        ),
        location=where(node),
    )
