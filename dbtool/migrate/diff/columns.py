"""The columns of one table on both sides."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column

from dbtool import catalog as cat
from dbtool.migrate.diff.asked import default_counts, type_counts
from dbtool.migrate.diff.casts import by_themselves, using
from dbtool.migrate.diff.generated import generated_from, made_again
from dbtool.migrate.diff.sides import Comparison, Pair, Step, draws
from dbtool.migrate.diff.types import options
from dbtool.sql.names import identifier

OWN = "the next value of its own sequence"
_SET_EXPRESSION = 170000


def compare(said: Comparison, pair: Pair) -> None:
    """Tell of each column that differs."""
    models = {each.name: each for each in pair.models.columns}
    live = {each.name: each for each in pair.database.columns}
    items = {each.name: each for each in pair.table.columns}
    # What is generated stands on other columns: it comes after them, and goes before them.
    for name, column in sorted(models.items(), key=lambda each: bool(each[1].generated)):
        item = items.get(name)
        other = live.get(name)
        mine = _key(said.models, pair, column)
        if other is not None and mine == _key(said.database, pair, other):
            continue
        if item is None or said.scope.wants_part("column", pair.table, name, item):
            _Column(said, pair, item, column, other).tell()
    gone = [each for each in live if each not in models]
    for name in sorted(gone, key=lambda each: not live[each].generated):
        if said.scope.wants_part("column", pair.table, name, None):
            code = said.code()
            text = f"column {pair.shown}.{name} is in the database, not in the models"
            done = code.drop_column(pair.table, name)
            what = ("extra-column", f"{pair.shown}.{name}")
            sides = (None, live[name].type)
            said.tell(Step.DROP_COLUMN, what, text, (code, done), sides, drops=True)


def _key(side: Any, pair: Pair, column: cat.Column) -> tuple[object, ...]:
    """All that counts of a column, and of the sequence behind it."""
    sequence = side.owned.get((*pair.key, column.name))
    counts = column.identity or _default(side, pair, column) == OWN
    behind = options(sequence) if sequence is not None and counts else ""
    return (
        column.type,
        column.not_null,
        _default(side, pair, column),
        column.identity,
        column.generated,
        column.collation,
        column.comment or None,
        behind,
    )


def _default(side: Any, pair: Pair, column: cat.Column) -> str | None:
    """The default; that of a serial column whatever its sequence is called."""
    own = side.owned.get((*pair.key, column.name))
    return OWN if own is not None and draws(column.default, own) else column.default


class _Column:
    """One column that differs."""

    def __init__(
        self,
        said: Comparison,
        pair: Pair,
        item: "Column[Any] | None",
        models: cat.Column,
        live: cat.Column | None,
    ) -> None:
        self.said, self.pair, self.item = said, pair, item
        self.models, self.live = models, live
        self.name = f"{pair.shown}.{models.name}"
        self.code = said.code()
        self.context = said.scope.context
        self.where = f"ALTER TABLE {self.code.name(*pair.key)}"
        self.at = f"ALTER COLUMN {identifier(models.name)}"
        self.words: list[str] = []
        self.done: list[str] = []

    def tell(self) -> None:
        """Say what differs, and how it ends."""
        live = self.live
        if live is None:
            self._missing()
            return
        if self._is_generated_anew(live):
            self._generate_anew(live)
            return
        # An identity is of a whole number: it goes before the type, and comes behind it.
        goes = live.identity and not self.models.identity
        for part in (self._identity, self._type) if goes else (self._type, self._identity):
            part(live)
        self._default(live)
        self._null(live)
        self._sequence(live)
        self._comment(live)
        if not self.words:
            return  # env.py says that what differs does not count
        text = f"column {self.name}: {'; '.join(self.words)}"
        what = ("different-column", self.name)
        sides = (_whole(self.models), _whole(live))
        done = "\n".join(filter(None, self.done))
        self.said.tell(Step.ALTER, what, text, (self.code, done), sides)

    def _missing(self) -> None:
        text = f"column {self.name} is in the models, not in the database"
        what = ("missing-column", self.name)
        sides = (_whole(self.models), None)
        self.said.tell(Step.ADD_COLUMN, what, text, (self.code, self._added()), sides)

    def _added(self) -> str:
        """A serial column cannot be said as an operation, nor can what no model describes."""
        serial = _default(self.said.models, self.pair, self.models) == OWN
        if self.item is not None and not serial:
            return self.code.add_column(self.pair.table, self.item)
        kinds = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}
        kind = kinds.get(self.models.type, "") if serial else self.models.type
        null = " NOT NULL" if self.models.not_null else ""
        name = identifier(self.models.name)
        return self.code.execute(f"{self.where} ADD COLUMN {name} {kind}{null}")

    def _is_generated_anew(self, live: cat.Column) -> bool:
        """Whether the kind of generation differs, or its expression where that cannot be set."""
        models = self.models
        if models.generated != live.generated:
            return bool(models.generated)
        # A virtual one cannot be given another expression where the table has a CHECK.
        cannot = self.said.database.catalog.version_number < _SET_EXPRESSION
        cannot |= models.generated == "virtual"
        return bool(models.generated) and models.default != live.default and cannot

    def _generate_anew(self, live: cat.Column) -> None:
        drop = self.code.drop_column(self.pair.table, live.name)
        self.words.append(
            f"it is {_generated(live)} in the database, {_generated(self.models)} in the models"
        )
        text = f"column {self.name}: {self.words[0]}"
        sides = (_whole(self.models), _whole(live))
        what = ("different-column", self.name)
        done = "\n".join((drop, self._added(), *self._again([live.name])))
        self.said.tell(Step.ALTER, what, text, (self.code, done), sides, drops=not live.generated)

    def _again(self, columns: list[str]) -> Iterator[str]:
        return made_again(self.said, self.pair, self.code, columns)

    def _type(self, live: cat.Column) -> None:
        models = self.models
        if (models.type, models.collation) == (live.type, live.collation):
            return
        if self.item is not None and not type_counts(
            self.context, self.pair.table, self.item, live
        ):
            return
        if models.type != live.type:
            self.words.append(
                f"its type is {live.type} in the database, {models.type} in the models"
            )
        if models.collation != live.collation:
            old, new = live.collation or "the default", models.collation or "the default"
            self.words.append(f"its collation is {old} in the database, {new} in the models")
        apart = not by_themselves(models.base.name, live.base.name)
        if apart and live.default is not None:
            self.done.append(self.code.execute(f"{self.where} {self.at} DROP DEFAULT"))
        collated = f" COLLATE {models.collation}" if models.collation else ""
        expression = self.code.bare(using(models, live)) if apart else ""
        said = ""
        if self.item is not None and models.collation == live.collation:
            said = self.code.change_type(self.pair.table, self.item, expression)
        by = f" USING {expression}" if expression else ""
        sql = f"{self.where} {self.at} TYPE {models.type}{collated}{by}"
        stands_on_it = [*generated_from(self.said, self.pair, live)]
        self.words += [f"{each.name}, generated from it, is made anew" for each in stands_on_it]
        self.done += [self.code.drop_column(self.pair.table, e.name) for e in stands_on_it]
        self.done.append(said or self.code.execute(sql))
        self.done += [self.code.add_column(self.pair.table, each) for each in stands_on_it]
        self.done += self._again([each.name for each in stands_on_it])
        if apart and live.default is not None and models.default == live.default:
            self._set_default()

    def _identity(self, live: cat.Column) -> None:
        models = self.models
        if models.identity == live.identity:
            return
        old, new = live.identity or "none", models.identity or "none"
        self.words.append(f"its identity is {old} in the database, {new} in the models")
        if not models.identity:
            self.done.append(self.code.execute(f"{self.where} {self.at} DROP IDENTITY"))
        elif live.identity:
            kind = models.identity.upper()
            self.done.append(self.code.execute(f"{self.where} {self.at} SET GENERATED {kind}"))
        else:
            self.done.append(self.code.execute(*self._identified(live)))

    def _identified(self, live: cat.Column) -> list[str]:
        """An identity goes on behind the values that are there."""
        sequence = self.said.database.owned.get((*self.pair.key, live.name))
        name, table = identifier(live.name), self.code.name(*self.pair.key)
        sql = [f"{self.where} {self.at} DROP DEFAULT"] if live.default is not None else []
        if sequence is not None:
            sql.append(f"DROP SEQUENCE {self.code.name(sequence.schema, sequence.name)}")
        if not live.not_null:
            sql.append(f"{self.where} {self.at} SET NOT NULL")
        own = self.said.models.owned.get((*self.pair.key, live.name))
        said = f" (START{options(own).partition(' START')[2]})" if own else ""
        kind = self.models.identity.upper()
        sql.append(f"{self.where} {self.at} ADD GENERATED {kind} AS IDENTITY{said}")
        literal = table.replace("'", "''"), live.name.replace("'", "''")
        sql.append(
            f"SELECT setval(pg_get_serial_sequence('{literal[0]}', '{literal[1]}'),"
            f" max({name})) FROM {table} HAVING max({name}) IS NOT NULL"
        )
        return sql

    def _default(self, live: cat.Column) -> None:
        models = _default(self.said.models, self.pair, self.models)
        database = _default(self.said.database, self.pair, live)
        if models == database:
            return
        table, item = self.pair.table, self.item
        if item is not None and not default_counts(self.context, table, item, live):
            return
        if self.models.generated and live.generated:
            self.words.append(
                f"it is generated as {live.default} in the database, as {self.models.default} in"
                " the models"
            )
            sql = f"{self.where} {self.at} SET EXPRESSION AS ({self.models.default})"
            self.done.append(self.code.execute(sql))
            return
        if live.generated:
            self.words.append(f"it is {_generated(live)} in the database, not in the models")
            self.done.append(self.code.execute(f"{self.where} {self.at} DROP EXPRESSION"))
            if models is not None:
                self._set_default()
            return
        self.words.append(
            f"its default is {database or 'none'} in the database, {models or 'none'} in the models"
        )
        if not (self.models.identity and not live.identity):
            self._set_default()
            if models != OWN:
                self._forget(live)

    def _forget(self, live: cat.Column) -> None:
        """The sequence of a column that was a serial one goes with its default."""
        own = self.said.database.owned.get((*self.pair.key, live.name))
        if own is not None and not live.identity:
            self.done.append(
                self.code.execute(f"DROP SEQUENCE {self.code.name(own.schema, own.name)}")
            )

    def _set_default(self) -> None:
        models = _default(self.said.models, self.pair, self.models)
        if models == OWN:
            self.done.append(self.code.execute(*self._serial()))
            return
        item = self.item.server_default if self.item is not None else None
        said = ""
        # A percent sign in a text is doubled in DDL by some drivers.
        if models is None or (item is not None and "%" not in models):
            given: Any = item if models is not None else None
            said = self.code.alter_column(
                self.pair.table, self.models.name, modify_server_default=given
            )
        end = f"SET DEFAULT {models}" if models else "DROP DEFAULT"
        self.done.append(said or self.code.execute(f"{self.where} {self.at} {end}"))

    def _serial(self) -> list[str]:
        own = self.said.models.owned[(*self.pair.key, self.models.name)]
        name = self.code.name(own.schema, own.name)
        column, table = identifier(self.models.name), self.code.name(*self.pair.key)
        quoted = name.replace("'", "''")
        return [
            f"CREATE SEQUENCE IF NOT EXISTS {name} {options(own)} OWNED BY {table}.{column}",
            f"ALTER SEQUENCE {name} OWNED BY {table}.{column}",
            f"{self.where} {self.at} SET DEFAULT nextval('{quoted}'::regclass)",
            f"SELECT setval('{quoted}', max({column})) FROM {table}"
            f" HAVING max({column}) IS NOT NULL",
        ]

    def _null(self, live: cat.Column) -> None:
        if self.models.not_null == live.not_null:
            return
        states = ("may be NULL", "is NOT NULL")
        self.words.append(
            f"it {states[live.not_null]} in the database,"
            f" {states[self.models.not_null]} in the models"
        )
        if not (self.models.identity and not live.identity):
            nullable = not self.models.not_null
            self.done.append(
                self.code.alter_column(self.pair.table, self.models.name, modify_nullable=nullable)
            )

    def _sequence(self, live: cat.Column) -> None:
        """Only where both have one: else the identity or the default differs too."""
        key = (*self.pair.key, live.name)
        mine, theirs = self.said.models.owned.get(key), self.said.database.owned.get(key)
        if mine is None or theirs is None or options(mine) == options(theirs):
            return
        if bool(self.models.identity) != bool(live.identity):
            return
        new, old = options(mine), options(theirs)
        self.words.append(
            f"its sequence is {_brief(old, new)} in the database, {_brief(new, old)} in the models"
        )
        name = self.code.name(theirs.schema, theirs.name)
        self.done.append(self.code.execute(f"ALTER SEQUENCE {name} {new}"))

    def _comment(self, live: cat.Column) -> None:
        if (self.models.comment or None) == (live.comment or None):
            return
        self.words.append("its comment differs")
        self.done.append(
            self.code.alter_column(
                self.pair.table,
                self.models.name,
                modify_comment=self.models.comment,
                existing_comment=live.comment,
            )
        )


def _generated(column: cat.Column) -> str:
    return f"generated as {column.default} ({column.generated})" if column.generated else "plain"


def _brief(one: str, other: str) -> str:
    """The options in which the two differ."""
    pattern = re.compile(
        r"AS \S+|START WITH \S+|INCREMENT BY \S+|\w+VALUE \S+|CACHE \S+|(?:NO )?CYCLE"
    )
    return " ".join(each for each in pattern.findall(one) if each not in pattern.findall(other))


def _whole(column: cat.Column) -> str:
    parts = [column.type]
    parts += [f"COLLATE {column.collation}"] if column.collation else []
    parts += ["NOT NULL"] if column.not_null else []
    if column.identity:
        parts.append(f"GENERATED {column.identity.upper()} AS IDENTITY")
    elif column.generated:
        parts.append(f"GENERATED ALWAYS AS ({column.default}) {column.generated.upper()}")
    elif column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join(parts)
