"""An engine is made without a word about its pool.

Why: each process then keeps up to 5 connections and opens 10 more under load, so forty workers
can ask a server of 100 connections for 600; a request waits 30 seconds for a connection before it
fails, longer than most callers do; and a connection that the server or a firewall has closed is
found out by the first query that meets it. None of that is seen in development. `dbtool pool
budget` says which numbers fit a server.

When: a call of `create_engine` or `create_async_engine` in the package of the models has none of
`pool_size`, `max_overflow`, `poolclass`, `pool`, `creator` and `async_creator`. Keywords that are
passed on with `**` may hold them, and SQLite has another pool: both are no finding. Tests and
migrations are left out.

Bad:
```python
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)

def connected(url: str):
    return create_engine(url)
```

Good:
```python
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)

def connected(url: str):
    return create_engine(url, pool_size=5, max_overflow=0, pool_timeout=5, pool_pre_ping=True)
```
"""

import ast
from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.migrate.declared import Declared
from dbtool.migrate.engine_calls import engine_calls
from dbtool.migrate.pythonfile import File
from dbtool.migrate.written import laid_out, last_name

NAME = rule_name(__name__)
_SIZED = frozenset({"pool_size", "max_overflow", "poolclass", "pool", "creator", "async_creator"})
_WANTED = {"pool_size": "5", "max_overflow": "0", "pool_timeout": "5", "pool_pre_ping": "True"}


def check(declared: Declared) -> Iterator[Finding]:
    """Report engines whose pool nobody has sized."""
    for file, call in engine_calls(declared.models, declared.here):
        named = {each.arg for each in call.keywords}
        if named & _SIZED or None in named or _is_sqlite(call):
            continue
        yield _finding(file, call, named)


def _is_sqlite(call: ast.Call) -> bool:
    given = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "url")]
    return any(
        isinstance(part, ast.Constant) and str(part.value).startswith("sqlite")
        for each in given
        for part in ast.walk(each)
    )


def _finding(file: File, call: ast.Call, named: set[str | None]) -> Finding:
    written, maker = file.written(call), last_name(call.func)
    more = ", ".join(f"{name}={value}" for name, value in _WANTED.items() if name not in named)
    begun = written.text.removesuffix(")").rstrip().removesuffix(",")
    joint = "" if begun.endswith("(") else ", "
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{maker} leaves the size of its pool at 5 and 10 more",
        certainty=Certainty.DECLARED,
        evidence=(
            "each process may hold 15 connections, and a request waits 30 s for one;"
            " dbtool pool budget says what fits the server",
        ),
        location=Location(written.file, written.line),
        fix=Fix("python", laid_out(f"{begun}{joint}{more})"), "in numbers of your own"),
    )
