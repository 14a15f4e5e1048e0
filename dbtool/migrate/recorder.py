"""Note the statements of revisions that run without a database, and with what each commits."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy.engine.interfaces import Dialect

from dbtool.migrate.callsite import CallSite, Stack
from dbtool.migrate.known import Known
from dbtool.migrate.literals import with_values
from dbtool.sql.script import Role, split
from dbtool.statement import Gap, Statement

_ENDS = re.compile(r"(COMMIT|END|ABORT|ROLLBACK)(\s+(WORK|TRANSACTION))?\s*\Z", re.I)
_BEGINS = re.compile(r"(BEGIN|START\s+TRANSACTION)\b", re.I)
_BEGINS_AGAIN = frozenset({"psycopg", "psycopg_async"})
"""Drivers that ask the server whether a transaction is open, and begin one where none is."""
_ESCAPED = frozenset({"psycopg", "psycopg_async", "psycopg2", "pg8000"})
"""Drivers that take two percent signs of a text for one."""


class Unknown(BaseException):
    """A revision needs an answer that only a database has; no `except Exception` may take it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Transactions:
    """Numbers transactions as a run would begin and end them."""

    def __init__(self, driver: str, numbers: Iterator[int] | None = None) -> None:
        self.driver = driver
        self._numbers = numbers or count(1)
        self._number = next(self._numbers)
        self._alone = 0
        self._ended = False

    @property
    def current(self) -> int | None:
        """The number of the open one; None where each statement commits by itself."""
        return None if self._alone or self._ended else self._number

    def split(self) -> None:
        """Commit, and begin the next one."""
        self._number = next(self._numbers)
        self._ended = False

    def leave(self) -> None:
        """Commit, and begin none."""
        self._ended = True

    def beside(self) -> "Transactions":
        """Those of another connection."""
        return Transactions(self.driver, self._numbers)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """An autocommit block: what was begun before it is committed, each of its own alone."""
        self._alone += 1
        try:
            yield
        finally:
            self._alone -= 1
            self.split()

    def ran(self, sql: str) -> None:
        """Heed a statement that ends or begins one by itself."""
        if _ENDS.match(sql):
            self.split()
            self._ended = self.driver not in _BEGINS_AGAIN
        elif self._ended and _BEGINS.match(sql):
            self.split()


@dataclass(slots=True)
class Recorder:
    """The statements and gaps of one function of one revision at a time."""

    dialect: Dialect
    transactions: Transactions
    stack: Stack = field(default_factory=Stack)
    known: Known = field(default_factory=Known)
    site: CallSite | None = None
    is_driver_known: bool = True
    statements: list[Statement] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    _file: str = ""
    _shown: str = ""
    _revision: str = ""

    @property
    def running(self) -> bool:
        """Whether a revision is at work; what Alembic does for itself is nobody's statement."""
        return bool(self._file)

    @contextmanager
    def revision(self, revision: str, file: str, shown: str) -> Iterator[None]:
        """Note what a revision does for as long as the block lasts."""
        self.statements, self.gaps = [], []
        self._file, self._shown, self._revision = file, shown, revision
        try:
            yield
        finally:
            self._file, self.site = "", None

    def place(self) -> CallSite:
        """The call in the revision that is at work."""
        return self.stack.find(self._file)

    def record(
        self,
        construct: object,
        parameters: object = None,
        transactions: Transactions | None = None,
    ) -> str:
        """Note a statement of SQLAlchemy's, its values written in; returns the SQL."""
        sql = ""
        if self.running:
            for sql in with_values(construct, parameters, self.dialect):
                self._add(sql, transactions)
        return sql

    def execute(
        self,
        construct: object,
        _: object = None,
        multiparams: object = None,
        params: object = None,
    ) -> None:
        """Note what Alembic would execute, in place of what it executes with."""
        self.record(construct, multiparams or params)

    def record_text(
        self,
        text: str,
        parameters: object = None,
        transactions: Transactions | None = None,
        *,
        bare: bool = False,
    ) -> None:
        """Note SQL as it is given to the driver; `bare` without so much as an empty list of values.

        Which driver that is may not be known: then the text stays as it is.
        """
        if parameters:
            raise Unknown("a statement is given to the driver with values of its own")
        if self.running:
            escaped = not bare and self.is_driver_known and self.transactions.driver in _ESCAPED
            self._add(text.replace("%%", "%") if escaped else text, transactions)

    def _add(self, text: str, transactions: Transactions | None) -> None:
        site = self.site or self.place()
        transactions = transactions or self.transactions
        for sql in _statements(text):
            self.statements.append(
                Statement(
                    sql=sql,
                    file=self._shown,
                    line=site.line,
                    revision=self._revision,
                    operation=site.operation,
                    source=site.source,
                    transaction=transactions.current,
                )
            )
            transactions.ran(sql)
            self.known.heed(sql)


def _statements(text: str) -> Iterator[str]:
    """The statements of a text; nearly every one is a single statement."""
    sql = text.strip().rstrip(";").rstrip()
    if ";" not in sql and "--" not in sql and "/*" not in sql:
        if sql:
            yield sql
        return
    yield from (each.text for each in split(text) if each.role is Role.STATEMENT)
