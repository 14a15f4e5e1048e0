"""Both sides of a comparison, looked up by name, and the order in which operations go together."""

import re
from dataclasses import dataclass, field
from enum import IntEnum

from sqlalchemy import Table

from dbtool import catalog as cat
from dbtool.catalog import Catalog
from dbtool.migrate.diff.code import Code
from dbtool.migrate.diff.scope import Key, Scope
from dbtool.migrate.difference import Difference

OwnerKey = tuple[str, str, str]
_NEXT = re.compile(r"nextval\('(.*)'::regclass\)")


class Step(IntEnum):
    """What has to come before what, for all operations to run one after the other."""

    SCHEMA = 0
    RELEASE = 1
    TYPE = 2
    FREE = 3
    CREATE = 4
    ADD_COLUMN = 5
    DROP_PART = 6
    ALTER = 7
    DROP_COLUMN = 8
    ADD_PART = 9
    REFER = 10
    DROP_TABLE = 11
    DROP_TYPE = 12


@dataclass(slots=True)
class Side:
    """One catalogue by name."""

    catalog: Catalog
    tables: dict[Key, cat.Table] = field(init=False)
    enums: dict[Key, cat.Enum] = field(init=False)
    domains: dict[Key, cat.Domain] = field(init=False)
    owned: dict[OwnerKey, cat.Sequence] = field(init=False)
    free: dict[Key, cat.Sequence] = field(init=False)

    def __post_init__(self) -> None:
        said = self.catalog
        self.tables = {(each.schema, each.name): each for each in said.tables}
        self.enums = {(each.schema, each.name): each for each in said.enums}
        self.domains = {(each.schema, each.name): each for each in said.domains}
        self.owned = owned(said)
        self.free = {(e.schema, e.name): e for e in said.sequences if e.owned_by is None}


def owned(said: Catalog) -> dict[OwnerKey, cat.Sequence]:
    """The sequence that each column owns; of several the one that its default draws from."""
    found: dict[OwnerKey, cat.Sequence] = {}
    several: list[tuple[OwnerKey, cat.Sequence]] = []
    for each in said.sequences:
        if (owner := each.owned_by) is not None:
            key = (owner.schema, owner.table, owner.column)
            if found.setdefault(key, each) is not each:
                several.append((key, each))
    for (schema, table, name), each in several:
        known = said.table(table, schema)
        columns = known.columns if known is not None else ()
        if any(draws(c.default, each) for c in columns if c.name == name):
            found[schema, table, name] = each
    return found


def draws(default: str | None, sequence: cat.Sequence) -> bool:
    """Whether a default is the next value of a sequence, however its name is quoted."""
    found = _NEXT.fullmatch(default or "")
    if found is None:
        return False
    name = f"{sequence.schema}.{sequence.name}"
    return found[1].replace("''", "'").replace('"', "") == name.replace('"', "")


@dataclass(slots=True)
class Comparison:
    """Two catalogues, what env.py wants of them, and what was found so far.

    `released` are the parts of tables that go before types change, by table and name.
    """

    scope: Scope
    models: Side
    database: Side
    found: list[tuple[Step, Difference]] = field(default_factory=list)
    released: set[tuple[Key, str]] = field(default_factory=set)

    def code(self) -> Code:
        """A writer of its own for each difference, so that each knows its imports."""
        return Code(self.scope.context)

    def tell(
        self,
        step: Step,
        what: tuple[str, str],
        text: str,
        code: tuple[Code, str],
        sides: tuple[str | None, str | None] = (None, None),
        *,
        drops: bool = False,
    ) -> None:
        """Note a difference: what it is and where, in words, its operation, and both sides.

        A type or sequence that is only too many is minor: no table needs it to go.
        """
        minor = step is Step.DROP_TYPE
        kind, name = what
        writer, operation = code
        said = Difference(
            kind, name, text, operation, drops, *sides, imports=writer.imports, minor=minor
        )
        self.found.append((step, said))


@dataclass(frozen=True, slots=True)
class Pair:
    """One table: as the models have it, as they come out in scratch, and in the database."""

    table: Table
    models: cat.Table
    database: cat.Table
    shown: str

    @property
    def key(self) -> Key:
        """Schema and name."""
        return self.database.schema, self.database.name
