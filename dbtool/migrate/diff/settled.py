"""Which tables need not be built: what their statements plainly make is in the database already."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dbtool import catalog as cat
from dbtool.catalog import Catalog
from dbtool.migrate.diff.build import Built
from dbtool.migrate.diff.constraints import own
from dbtool.migrate.diff.ddl import Kind, Planned, Script
from dbtool.migrate.diff.indexes import stands_alone
from dbtool.migrate.diff.nulls import unproven
from dbtool.migrate.diff.questions import answer
from dbtool.migrate.diff.retyped import stands_on
from dbtool.migrate.diff.scope import Key
from dbtool.migrate.diff.sides import OwnerKey, draws, owned
from dbtool.migrate.diff.spelled import printed_name
from dbtool.migrate.diff.types import options
from dbtool.migrate.diff.understood import Known, names_of, read, relations

_TRIED_SINCE = 150000
_BOUNDS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


@dataclass(frozen=True, slots=True)
class Settled:
    """The tables and enumerations of a database that are what the models make, to the letter."""

    tables: Mapping[Key, Known]
    enums: frozenset[Key]
    live: Catalog

    def left(self, script: Script) -> Script:
        """What is to be built all the same, with the tables that foreign keys there lead to."""
        done = {".".join(key) for key in self.tables}
        open_ = [each for each in script.statements if each.table and each.table not in done]
        along = {each.refers for each in open_} & done

        def needed(each: Planned) -> bool:
            if each.table:
                return each.table not in done or (each.table in along and not each.refers)
            there = each.enum is not None and each.enum[:2] in self.enums
            return bool(open_) or not (each.kind is Kind.SCHEMA or there)

        statements = tuple(filter(needed, script.statements))
        # A schema alone is made for nobody.
        alone = all(each.kind is Kind.SCHEMA for each in statements)
        return replace(script, statements=() if alone else statements)

    def with_built(self, built: Built) -> Built | None:
        """Both together; None where what was built may not carry what leads to it."""
        made = built.catalog
        others = {
            (e.schema, e.name): e for e in made.tables if (e.schema, e.name) not in self.tables
        }
        if not self._is_carried(others):
            return None
        tables = [each for each in self.live.tables if (each.schema, each.name) in self.tables]
        enums = [each for each in self.live.enums if (each.schema, each.name) in self.enums]
        enums += [each for each in made.enums if (each.schema, each.name) not in self.enums]
        sequences = [each for each in self.live.sequences if _owner(each) in self.tables]
        sequences += [each for each in made.sequences if _owner(each) not in self.tables]
        joined = replace(
            made,
            tables=(*tables, *others.values()),
            enums=tuple(enums),
            sequences=tuple(sequences),
        )
        return replace(built, catalog=joined)

    def alone(self) -> Built | None:
        """What is settled where nothing else is to be built."""
        none = replace(
            self.live, tables=(), views=(), sequences=(), enums=(), domains=(), functions=()
        )
        return self.with_built(Built(none, (), frozenset(), ""))

    def _is_carried(self, others: Mapping[Key, cat.Table]) -> bool:
        """Whether tables that were built can be referred to as those of the database are."""
        there = {(each.schema, each.name): each for each in self.live.tables}
        return all(
            key in self.tables
            or (
                key in others
                and key in there
                and stands_on(others[key], columns) == stands_on(there[key], columns)
            )
            for known in self.tables.values()
            for key, columns in known.refers
        )


def settled(
    script: Script, live: Catalog, schema: str, build: Callable[[Script], Built] | None = None
) -> Settled:
    """Read the statements; what is not plainly understood, or not in the database, is not.

    Conditions that are not understood are put to the server that builds, where there is one.
    """
    statements = script.statements
    strange = any(each.kind is Kind.ANY for each in statements if not each.table)
    if script.unbuilt or strange or live.version_number < _TRIED_SINCE:
        return Settled({}, frozenset(), live)
    enums = enums_of(statements, live)
    groups: dict[str, list[Planned]] = {}
    for each in statements:
        if each.table:
            groups.setdefault(each.table, []).append(each)
    tables = [(read(each, schema, enums), each) for each in groups.values()]
    names = Counter(
        name
        for known, group in tables
        for name in (relations(known) if known else names_of(group, schema))
    )
    there = {(each.schema, each.name): each for each in live.tables}
    if build is not None:
        answer((e for e, _ in tables if e and (e.schema, e.name) in there), script, build)
    sequences = owned(live)
    found = {
        (known.schema, known.name): known
        for known, _ in tables
        if known is not None
        and not known.open
        and all(names[name] < 2 for name in relations(known))
        and _is(known, there.get((known.schema, known.name)), sequences)
    }
    return Settled(found, frozenset(_keys(statements, live)), live)


def _keys(statements: Sequence[Planned], live: Catalog) -> Iterator[Key]:
    """The enumerations that both sides have with the same labels."""
    there = {(each.schema, each.name): each.labels for each in live.enums}
    said = Counter(each.enum[:2] for each in statements if each.enum)
    for each in statements:
        if each.enum and said[each.enum[:2]] == 1 and there.get(each.enum[:2]) == each.enum[2]:
            yield each.enum[:2]


def enums_of(statements: Sequence[Planned], live: Catalog) -> dict[str, str]:
    """How the enumerations that both sides have are printed, by what the models call them."""
    both = set(_keys(statements, live))
    named = ((e.sql, e.enum) for e in statements if e.enum and e.enum[:2] in both)
    return {
        sql.removeprefix("CREATE TYPE ").partition(" AS ENUM (")[0]: ".".join(
            map(printed_name, enum[:2])
        )
        for sql, enum in named
    }


def _is(known: Known, live: cat.Table | None, sequences: Mapping[OwnerKey, cat.Sequence]) -> bool:
    """Whether a table of the database has in all that is compared what is known."""
    if live is None or live.kind != "table" or live.persistence != "permanent":
        return False
    if live.parent or live.inherits or live.options or live.partition_key or unproven(live):
        return False
    if (live.comment or None) != known.comments.get(""):
        return False
    constraints = {(e.kind, e.name): (e.definition, e.comment) for e in own(live)}
    indexes = {e.name: (e.definition, e.valid) for e in live.indexes if stands_alone(e)}
    return (
        constraints == {key: (said, None) for key, said in known.constraints.items()}
        and indexes == {name: (said, True) for name, said in known.indexes.items()}
        and {each.name for each in live.columns} == known.columns.keys()
        and all(_has(known, each, sequences.get((*_key(live), each.name))) for each in live.columns)
    )


def _has(known: Known, live: cat.Column, sequence: cat.Sequence | None) -> bool:
    form = known.columns[live.name]
    if live.collation or live.generated or (live.comment or None) != known.comments.get(live.name):
        return False
    if (live.type, live.not_null, live.identity) != (form.type, form.not_null, form.identity):
        return False
    if not (form.serial or form.identity):
        return live.default == form.default
    if sequence is None or not _usual(sequence, form.type):
        return False
    if form.serial:
        return draws(live.default, sequence)
    return live.default is None


def _usual(sequence: cat.Sequence, kind: str) -> bool:
    """Whether it counts as one made for a column of a type does."""
    usual = replace(
        sequence,
        type=kind,
        start=1,
        increment=1,
        minimum=1,
        maximum=_BOUNDS[kind] - 1,
        cache=1,
        cycle=False,
    )
    return options(sequence) == options(usual)


def _key(table: cat.Table) -> Key:
    return table.schema, table.name


def _owner(sequence: cat.Sequence) -> Key | None:
    owner = sequence.owned_by
    return (owner.schema, owner.table) if owner is not None else None
