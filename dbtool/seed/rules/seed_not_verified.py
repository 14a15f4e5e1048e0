"""Rows are there that a constraint or a mapped class of the models does not accept.

What it means: rows break a CHECK, refer to rows that are not there, or come up twice where a
constraint forbids it: it was added NOT VALID, or rows were written past it. Or a class of the
models fails when its rows are loaded through the ORM, so that the application would.

Every constraint is asked again about all rows, and up to 1,000 objects of each class are loaded.

Bad:
```shell
psql -c "UPDATE orders SET kind = 'unheard of'"   # the discriminator of no class
dbtool seed verify                                 # 1: Order does not load its rows
```

Good:
```shell
dbtool seed run && dbtool seed verify
```
"""

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.seed.constraints import Wrong

NAME = rule_name(__name__)
_TITLES = {
    "foreign key": "rows refer to rows that are not there",
    "check": "rows break a CHECK constraint",
    "unique": "rows are not unique",
    "primary key": "rows are not unique",
    "class": "a mapped class does not load its rows",
}


def finding(wrong: Wrong) -> Finding:
    """One thing that is not as it must be."""
    return Finding(
        rule=NAME,
        severity=Severity.ERROR,
        title=f"{_TITLES[wrong.kind]}: {wrong.name}",
        certainty=Certainty.MEASURED,
        evidence=(wrong.said,),
    )
