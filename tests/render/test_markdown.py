"""Reports as comments on a pull request."""

from dataclasses import replace

import pytest

from dbtool.render.markdown import escaped, fenced, render
from dbtool.report import Column, Report, Table, Text, facts
from dbtool.severity import Severity
from tests.render.reports import DOUBT, EVERYTHING, FULL

WHOLE = """\
## dbtool pool

12 of 97 slots are free

### How

Asked once.
Read-only.

### Backends

| application | state | backends |
| --- | --- | --: |
| web | active | 12 |
| worker | idle in transaction | 1,024 |

### History

```
head
  a
    b
  c
```

### Statement

```sql
SELECT 1
FROM a;
```

### Difference

```diff
--- a
+++ b
@@ -1 +1 @@
-x
+y
 z
```

### Slots

```
active  ####..........................  12 of 97
idle    ##############################  all of it
```

<details><summary>[1] <b>warning</b> (measured): 99 % of the rows read from orders are thrown \
away <code>rows-discarded</code></summary>

at <code>app/queries.py:31, Seq Scan on orders</code>

- 100,000 rows read, 12 kept
- filter: status = 'open'

Fix: an index for the filter

```sql
CREATE INDEX CONCURRENTLY ix_orders_status
    ON orders (status);
```

</details>

[2] <b>error</b> (heuristic): orders is rewritten <code>big-table</code>

<b>unknown</b>: no right to read pg_stat_statements <code>slow-statements</code>

- to decide: GRANT pg\\_monitor TO app;

> Nothing was changed.

Next:

```shell
dbtool locks
dbtool top
```

**1 error, 1 warning, 1 unknown**
"""


def test_everything() -> None:
    """Findings come first, what is behind them folds, the count comes last."""
    assert render(EVERYTHING) == WHOLE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b *c* `d` [e](f) ~g~ h|i \\", r"a\_b \*c\* \`d\` \[e\](f) \~g\~ h\|i " + "\\\\"),
        ("<script> & co", "&lt;script&gt; &amp; co"),
        ("ask @ann about #12", "ask @<!-- -->ann about #<!-- -->12"),
        ("- no list", r"\- no list"),
        ("1. no list", r"1\. no list"),
        ("two\nlines", "two lines"),
    ],
)
def test_escaped(text: str, shown: str) -> None:
    """Text from the database is shown as it is: no markup, nobody called, nothing linked."""
    assert escaped(text) == shown


def test_fence_longer_than_what_it_holds() -> None:
    """Code that holds a fence of its own stays inside."""
    assert fenced("a\n````\nb", "sql") == "`````sql\na\n````\nb\n`````"


def test_error_is_open() -> None:
    """What is behind an error is shown without a click."""
    report = Report(command="x", data=None, findings=(replace(FULL, severity=Severity.ERROR),))
    assert "<details open><summary>[1] <b>error</b> (measured): " in render(report)


def test_summary_is_html() -> None:
    """Inside a summary HTML rules: markup is escaped, Markdown's signs are left alone."""
    report = Report(command="x", data=None, findings=(replace(FULL, title="<b>a_b</b> @ann"),))
    assert "(measured): &lt;b&gt;a_b&lt;/b&gt; @<!-- -->ann <code>" in render(report)


def test_long_sections_fold() -> None:
    """A long table is one click away; prose is not."""
    rows = tuple((str(number), "a|b") for number in range(30))
    table = Table((Column("n", "right"), Column("text")), rows, title="All of them")
    prose = Text("\n".join(["a_b"] * 30))
    shown = render(Report(command="x", data=None, sections=(table, prose)))
    assert "<details><summary>All of them</summary>\n\n| n | text |\n" in shown
    assert "| 29 | a\\|b |\n\n</details>\n\na\\_b\na\\_b\n" in shown


def test_aligned_text_stays_aligned() -> None:
    """Lines aligned by blanks, and the indent of a cell, survive."""
    table = Table((Column("node"),), (("  ->  Seq Scan",),))
    shown = render(Report(command="x", data=None, sections=(Text("name   size\na      1"), table)))
    assert "```\nname   size\na      1\n```" in shown
    assert "| &nbsp;&nbsp;-&gt;  Seq Scan |" in shown


def test_clean_report_with_a_doubt() -> None:
    """Nothing found and something unknown are both said."""
    report = Report(command="x", data=None, unknowns=(DOUBT,), judged=True)
    assert render(report).endswith("\n\n**no findings, 1 unknown**\n")


def test_facts() -> None:
    """Named values are a list: Markdown has no table without titles."""
    report = Report(command="pool", data=None, sections=(facts((("server", "a_b"),)),))
    assert render(report) == "## dbtool pool\n\n- server: a\\_b\n"
