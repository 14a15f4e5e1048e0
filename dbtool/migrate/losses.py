"""What each step of a downgrade takes away from the database as it is, with numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate.measure import Measure, Relation
from dbtool.migrate.statements import answer
from dbtool.migrate.taking import Taken
from dbtool.report import counted, listed
from dbtool.sql.names import string_literal

if TYPE_CHECKING:
    from dbtool.database.connection import Connection


@dataclass(frozen=True, slots=True)
class Loss:
    """Data that is lost, and how much; `exact` tells a count from an estimate.

    Of a column of a large table the rows of the table are given. `cascades` is what CASCADE
    takes away with it.
    """

    kind: str
    name: str
    rows: int | None
    exact: bool
    bytes: int
    how: str = ""
    cascades: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The loss in one line."""
        also = f"; CASCADE takes {listed(self.cascades)} too" if self.cascades else ""
        words = _WORDS.get(self.kind, "{kind} {name}")
        what = words.format(kind=self.kind, name=self.name, how=self.how)
        return f"{what}{self._much()}{also}"

    def _much(self) -> str:
        if self.kind == "sequence":
            return ""
        noun = "value" if self.kind == "column" and self.exact else "row"
        if self.rows is None:
            return f" ({noun}s not known, {_size(self.bytes)})"
        upto = "up to " if self.how.endswith("WHERE") else ""
        if self.exact:
            return f" ({upto}{counted(self.rows, noun)})"
        return f" ({upto}about {counted(self.rows, noun)}, estimated, {_size(self.bytes)})"


_WORDS = {
    "rows": "rows of {name} ({how})",
    "values": "values in {name} ({how})",
    "conversion": "column {name} becomes {how}",
}


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing one revision loses; `unknown` says why there may be more."""

    revision: str
    version_table: str
    losses: tuple[Loss, ...] = ()
    unknown: str = ""
    does_nothing: bool = False

    @property
    def named(self) -> frozenset[str]:
        """What is lost without its numbers, which change while somebody thinks."""
        names = {f"{each.kind} {each.name}" for each in self.losses}
        names |= {rows_in(each.name) for each in self.losses if each.rows != 0 or not each.exact}
        names |= {taken for each in self.losses for taken in each.cascades}
        names |= {_NOT_KNOWN} if self.unknown else set()
        return frozenset(by(self.revision, name) for name in names)

    @property
    def doubts(self) -> dict[str, str]:
        """Why one of these names is among them though nobody has seen it."""
        uncounted = (each for each in self.losses if not each.exact)
        found = {by(self.revision, rows_in(each.name)): _UNCOUNTED for each in uncounted}
        return found | ({by(self.revision, _NOT_KNOWN): self.unknown} if self.unknown else {})

    @property
    def lines(self) -> tuple[str, ...]:
        """What to know before it runs."""
        lines = [f"loses {each.shown}" for each in self.losses]
        if self.unknown:
            more = "what else it loses" if lines else "what it loses"
            lines.append(f"{more} is not known: {self.unknown}")
        if self.does_nothing:
            lines.append("does nothing: the schema stays as it is")
        return tuple(lines)


_NOT_KNOWN = "what is not known"
_UNCOUNTED = "perhaps: nobody could count them now"


def rows_in(name: str) -> str:
    """The rows of a table, or the values of a column, as somebody agrees to lose them."""
    return f"rows in {name}"


def by(revision: str, name: str) -> str:
    """What one revision takes, as somebody agrees to it."""
    return f"{name}, by {revision}"


def holds_locks(connection: DBAPIConnection) -> bool:
    """Whether others may have to wait for the transaction of a connection."""
    return bool(answer(connection, _HOLDS)[0])


_HOLDS = """
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_locks
         WHERE pid = pg_catalog.pg_backend_pid() AND granted
           AND (locktype = 'transactionid'
                OR locktype = 'relation'
                   AND mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')))
"""


def numbers(connection: DBAPIConnection, taken: Iterable[Taken]) -> dict[Taken, int]:
    """Which objects the names stand for, as the connection that will run them finds them."""
    wanted = list(dict.fromkeys(each for each in taken if each.kind != "schema"))
    if not wanted:
        return {}
    looked_up = ", ".join(f"coalesce(({_number(each)}), 0)" for each in wanted)
    sql = f"SELECT pg_catalog.array_to_string(ARRAY[{looked_up}], ' ')"
    found = map(int, str(answer(connection, sql)[0]).split())
    return {each: oid for each, oid in zip(wanted, found, strict=True) if oid}


def _number(taken: Taken) -> str:
    """A query that no missing right makes fail: it would end the migration's transaction."""
    catalog, name, schema, visible = _CATALOGS.get(taken.kind, _CATALOGS["table"])
    where = f"c.{name} = {string_literal(taken.name[1])}"
    if taken.name[0]:
        where += (
            f" AND c.{schema} = (SELECT n.oid FROM pg_catalog.pg_namespace n"
            f" WHERE n.nspname = {string_literal(taken.name[0])})"
        )
    else:
        where += f" AND pg_catalog.{visible}(c.oid)"
    return f"SELECT c.oid::pg_catalog.int8 FROM pg_catalog.{catalog} c WHERE {where}"


_CATALOGS = {
    "table": ("pg_class", "relname", "relnamespace", "pg_table_is_visible"),
    "type": ("pg_type", "typname", "typnamespace", "pg_type_is_visible"),
}


@dataclass(frozen=True, slots=True)
class Empty:
    """A table, or a column of one, that held nothing when its loss was told.

    `kind` and `how` are of what takes it.
    """

    revision: str
    oid: int
    attnum: int
    name: str
    kind: str
    how: str


@dataclass(slots=True)
class Losses:
    """Weighs what step after step takes away; what is gone already is not lost again.

    `agreed` is what somebody has agreed to lose; what is not in it is counted with more patience.
    `empty` is what would lose nothing, as far as anybody can see yet, as often as it is taken.
    """

    connection: "Connection"
    numbers: dict[Taken, int]
    agreed: frozenset[str] | None = None
    holding: bool = False
    empty: list[Empty] = field(default_factory=list)
    _gone: set[tuple[int, str]] = field(default_factory=set)
    _known: dict[int, Relation] = field(default_factory=dict)
    _measure: Measure = field(init=False)

    def __post_init__(self) -> None:
        self._measure = Measure(self.connection, holding=self.holding)

    async def know(self) -> None:
        """Read the tables once for all steps."""
        oids = [oid for each, oid in self.numbers.items() if each.kind != "type"]
        self._known = await self._measure.relations(list(dict.fromkeys(oids)))

    async def of(self, revision: str, taken: Sequence[Taken]) -> tuple[Loss, ...]:
        """What undoing one revision loses."""
        found: list[Loss] = []
        for each, times in Counter(taken).items():
            for oid, column in await self._places(each):
                if (loss := await self._loss(revision, each, oid, column, times)) is not None:
                    found.append(loss)
        return tuple(found)

    async def _places(self, taken: Taken) -> list[tuple[int, str]]:
        """The tables and columns that are meant."""
        if taken.kind == "schema":
            tables = await self._measure.in_schema(taken.name[1])
            self._known |= await self._measure.relations(tables)
            return [(oid, "") for oid in tables]
        oid = self.numbers.get(taken)
        if oid is None:
            return []
        if taken.kind == "type":
            columns = await self._measure.of_type(oid)
            self._known |= await self._measure.relations([each[0] for each in columns])
            return columns
        return [(oid, taken.column)]

    async def _loss(
        self, revision: str, taken: Taken, oid: int, column: str, times: int
    ) -> Loss | None:
        relation = self._known.get(oid)
        if relation is None or (oid, "") in self._gone or (oid, column) in self._gone:
            return None
        if column and column not in relation.columns:
            return None
        kind = {"schema": "table", "type": "column"}.get(taken.kind, taken.kind)
        if kind == "conversion" and relation.columns[column] == taken.how.replace(", ", ","):
            return None
        if kind in ("table", "column", "materialized view", "sequence"):
            self._gone.add((oid, column))
        name = f"{relation.shown}.{column}" if column else relation.shown
        again = self.agreed is not None and by(revision, rows_in(name)) not in self.agreed
        rows = None
        if kind != "sequence":
            rows = await self._measure.count(relation, column, again=again)
            if rows == 0:
                attnum = relation.attnums.get(column, 0)
                empty = Empty(revision, oid, attnum, name, taken.kind, taken.how)
                self.empty.extend([empty] * times)
        return Loss(
            kind=kind,
            name=name,
            rows=relation.rows if rows is None else rows,
            exact=rows is not None,
            bytes=relation.bytes,
            how=_how(taken, relation),
            cascades=await self._cascades(taken, oid, column),
        )

    async def _cascades(self, taken: Taken, oid: int, column: str) -> tuple[str, ...]:
        if not taken.cascade or taken.kind in ("schema", "type"):
            return ()
        if taken.how == "TRUNCATE":
            return await self._measure.referencing(oid)
        return await self._measure.dependents(oid, column)


def _how(taken: Taken, relation: Relation) -> str:
    if taken.kind == "conversion":
        return f"{taken.how}, now {relation.columns[taken.column]}"
    return f"{taken.how} … WHERE" if taken.some else taken.how


def _size(size: int) -> str:
    """Bytes in their largest fitting unit."""
    for unit, each in (("GB", 1 << 30), ("MB", 1 << 20)):
        if size >= each:
            return f"{size / each:.1f} {unit}"
    return f"{size / 1024:.0f} kB"
