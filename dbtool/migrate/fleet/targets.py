"""Which databases and schemas a fleet consists of: a file, a query, or a pattern of names."""

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError

if TYPE_CHECKING:
    from dbtool.migrate.record import Asked

Parse = Callable[[str, str], Target]

_COLUMNS = ("url", "database", "schema")
_LIMITS = {"statement_timeout": "30s", "lock_timeout": "2s"}
_SCHEMAS = r"""
    SELECT nspname FROM pg_catalog.pg_namespace
     WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One target of a fleet; `schema` is the tenant's, where tenants share a database.

    `agreed` is what somebody has agreed to for it, and `losing` what it was to lose by that.
    """

    target: Target
    schema: str | None = None
    agreed: "Asked | None" = field(default=None, repr=False)
    losing: frozenset[str] | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The target as it is printed: never a secret."""
        return self.target.shown + (f" schema {self.schema}" if self.schema is not None else "")


def from_file(path: Path, lines: Iterable[str], parse: Parse) -> tuple[Item, ...]:
    """One database a line, in any form a URL may have; empty lines and `#` comments are skipped."""
    items = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            items.append(Item(parse(text, f"{path}:{number}")))
    return _checked(items, f"{path} names no database")


def from_query(named: Target, sql: str, parse: Parse) -> tuple[Item, ...]:
    """The rows of a query on the named database; its column says what they are.

    `url` is a database in any form, `database` one of the same server, `schema` one of the
    same database.
    """
    with SyncConnection(named, read_only=True, settings=_LIMITS) as connection:
        try:
            rows = connection.fetch(sql)
        except PostgresError as error:
            raise OperationError(
                "the query of --query failed",
                detail=f"{error} (SQLSTATE {getattr(error, 'sqlstate', 'unknown')})",
                hint="It runs in a read-only session, for at most 30 s.",
            ) from error
    items = [_item(dict(row), named, parse) for row in rows]
    return _checked(items, "the query of --query returns no row")


def _item(row: dict[str, object], named: Target, parse: Parse) -> Item:
    kinds = [each for each in _COLUMNS if each in row]
    if len(row) != 1 or not kinds:
        raise UsageError(
            f"the query of --query returns {', '.join(row) or 'no column'}",
            detail="Its one column has to say what its rows are.",
            hint='Name it: SELECT … AS "url", AS "database" or AS "schema".',
        )
    kind, value = kinds[0], row[kinds[0]]
    if not isinstance(value, str) or not value:
        raise UsageError(f"the query of --query returns a row without a {kind}")
    match kind:
        case "url":
            return Item(parse(value, "--query"))
        case "database":
            return Item(named.with_database(value))
    return Item(named, value)


def from_schemas(named: Target, pattern: str) -> tuple[Item, ...]:
    """The schemas of the named database whose names match a shell pattern (`tenant_*`)."""
    with SyncConnection(named, read_only=True, settings=_LIMITS) as connection:
        names = sorted(row[0] for row in connection.fetch(_SCHEMAS))
    matching = [Item(named, name) for name in names if fnmatch.fnmatchcase(name, pattern)]
    return _checked(matching, f'no schema of {named.shown} matches "{pattern}"')


def _checked(items: Sequence[Item], nothing: str) -> tuple[Item, ...]:
    """A database that two lines name is one target, named by the first."""
    unique = {(replace(each.target, source=""), each.schema): each for each in reversed(items)}
    if not unique:
        raise UsageError(nothing, detail="There is nothing to do.")
    return tuple(reversed(unique.values()))
