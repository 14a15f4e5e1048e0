"""Values come up, or rows fall to parents, in other shares than planned.

What it means: a status that a scenario gives to 80 of 100 rows is on all of them, a column is
NULL throughout, or all rows fall to one parent: something changed them after the load, or the
run had another scenario or other options. Columns of few values, shares of NULL and the rows
to each parent are compared where a table has at least 30 rows and about as many as planned,
and further apart than chance and a little use bring them. Where a table has more rows than
that, they are those of other options or of several runs, and unknown. Tables that hooks of
factories.py or the functions of triggers name are left alone, and so are the values (not the
NULLs) that factories or types of the models make.

Bad:
```shell
psql -c "UPDATE users SET status = 'suspended'"
dbtool seed verify                # warning: suspended: 100% of the rows, planned 5%
```

Good:
```shell
dbtool seed run busy && dbtool seed verify busy
```
"""

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.seed.shares import Off

NAME = rule_name(__name__)


def finding(off: Off) -> Finding:
    """One column that is not shared out as planned."""
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{off.name} is not shared out as planned",
        certainty=Certainty.MEASURED,
        evidence=(off.said,),
    )
