"""Reports as JSON."""

import json

from dbtool.render.json import render
from tests.render.reports import EVERYTHING


def test_everything() -> None:
    """One line with the data and what was found; how it looks to people is not in it."""
    text = render(EVERYTHING)
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    assert json.loads(text) == {
        "schema": 1,
        "command": "pool",
        "data": {"total": 7},
        "findings": [
            {
                "rule": "rows-discarded",
                "severity": "warning",
                "title": "99 % of the rows read from orders are thrown away",
                "certainty": "measured",
                "evidence": ["100,000 rows read, 12 kept", "filter: status = 'open'"],
                "location": {"file": "app/queries.py", "line": 31, "name": "Seq Scan on orders"},
                "fix": {
                    "language": "sql",
                    "code": "CREATE INDEX CONCURRENTLY ix_orders_status\n    ON orders (status);",
                    "label": "an index for the filter",
                },
            },
            {
                "rule": "big-table",
                "severity": "error",
                "title": "orders is rewritten",
                "certainty": "heuristic",
                "evidence": [],
                "location": None,
                "fix": None,
            },
        ],
        "unknown": [
            {
                "rule": "slow-statements",
                "reason": "no right to read pg_stat_statements",
                "decide": "GRANT pg_monitor TO app;",
                "location": None,
            }
        ],
    }
