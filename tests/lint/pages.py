"""The examples on the pages of the rules, as migrations on one schema."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import postgresql

from dbtool.finding import rule_name
from dbtool.lint.rules import OPT_IN, RULES, WHOLE_RULES
from dbtool.lint.subject import StatementRule, WholeRule
from dbtool.sql.script import Role, split
from dbtool.statement import Migration, Statement

_BLOCK = re.compile(r"^(Bad|Good):\n```(sql|python)\n(.*?)```", re.S | re.M)
_IMPORTS = re.compile(r"^(from|import) ", re.M)
_SHOP = Path(__file__).parent / "shop.sql"


@dataclass(frozen=True, slots=True)
class Example:
    """One block of a page."""

    rule: StatementRule | WholeRule
    kind: str
    language: str
    text: str

    @property
    def name(self) -> str:
        """The rule's name."""
        return rule_name(self.rule.__name__)

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}"


def rules() -> Iterator[StatementRule | WholeRule]:
    """All rules over statements and migrations, those that have to be asked for as well."""
    yield from (*RULES, *OPT_IN)
    yield from WHOLE_RULES


def examples() -> tuple[Example, ...]:
    """All blocks of all pages."""
    return tuple(
        Example(rule, *block) for rule in rules() for block in _BLOCK.findall(rule.__doc__ or "")
    )


def history() -> Migration:
    """The migration that leaves the schema."""
    return Migration(name="shop", up=(*statements(_SHOP.read_text(), 0),), judged=False)


def migration(example: Example) -> Migration:
    """The block as a migration.

    SQL is run as psql would: each statement commits by itself, BEGIN and COMMIT make a
    transaction. Python is a revision, or what stands in its `upgrade`.
    """
    if example.language == "sql":
        return _page(example, example.text)
    try:
        down = rendered(example.text, "downgrade") if "def downgrade" in example.text else None
    except sa.exc.CompileError:
        down = None
    return _page(example, rendered(example.text, "upgrade"), down)


def _page(example: Example, up: str, down: str | None = None) -> Migration:
    return Migration(
        name="page",
        file="page.py",
        text=example.text,
        up=(*statements(up, 1),),
        down=None if down is None else (*statements(down, 1001),),
    )


def statements(script: str, transaction: int) -> Iterator[Statement]:
    """The statements of a script with what they commit with."""
    within = False
    for piece in split(script):
        if piece.role is not Role.STATEMENT:
            continue
        word = piece.text.upper()
        if word in ("BEGIN", "COMMIT"):
            within, transaction = word == "BEGIN", transaction + 1
            continue
        number = transaction if within else None
        yield Statement(piece.text, "page.py", piece.line, "page", transaction=number)


def rendered(code: str, way: str) -> str:
    """What the code of a revision would run, as a script; code that imports is only read."""
    written = StringIO()
    options = {"as_sql": True, "output_buffer": written, "transactional_ddl": True}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with context.begin_transaction(), Operations.context(context) as operations:
        known: dict[str, Any] = {"op": operations, "sa": sa, "postgresql": postgresql}
        if not _IMPORTS.search(code):
            exec(code, known)
            if way in known:
                known[way]()
    return written.getvalue()
