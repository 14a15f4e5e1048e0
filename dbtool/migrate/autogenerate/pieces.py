"""What goes into `upgrade` and into `downgrade`, for one of env.py's contexts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alembic.runtime.migration import MigrationContext

from dbtool import catalog as cat
from dbtool.catalog import Catalog, Column
from dbtool.migrate.autogenerate import chain
from dbtool.migrate.autogenerate.backfill import backfill
from dbtool.migrate.autogenerate.compared import One
from dbtool.migrate.autogenerate.proposed import (
    Piece,
    Proposed,
    Step,
    Undo,
    of_values,
    proposed,
    title,
)
from dbtool.migrate.autogenerate.undo import Undone, place, table_of, undone
from dbtool.migrate.difference import Difference

_NO_WAY_BACK = "raise NotImplementedError({!r})"
_ROWS: Undo = "fails where rows are"
_NULLS: Undo = "fails where NULLs are"
_FAILS = {
    _ROWS: f"{_ROWS}: {{}} is NOT NULL, and nothing gives it a value",
    _NULLS: f"{_NULLS}: {{}} is NOT NULL again",
}
_HALVES = {"before": "behind", "behind": "before"}


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences of a context as changes, in one revision or in a chain of them."""

    one: One
    wanted: Sequence[Difference]
    chained: bool

    def both_ways(self, context: MigrationContext) -> tuple[list[Proposed], list[Piece]]:
        """The changes, and what takes them back."""
        back = undone(context, self.one.built, self.one.live.catalog, self.wanted)
        waits = chain.waits(self.wanted, self._there())
        steps = [self._steps(each, back, waits[each]) for each in self.wanted]
        up = [each for step in steps for each in step]
        up += [*self._fills(steps, context)] if self.chained else []
        down = [Piece("", each.undo, step=Step.LAST) for step in steps for each in step[1:]]
        return up, [*down, *self._back(back, waits)]

    def _steps(self, each: Difference, back: Undone, waits: str) -> list[Proposed]:
        """A difference as the change that ends it; in a chain perhaps as two."""
        undo = back.code(each)
        if self.chained and chain.is_required(each):
            schema, table = self._table(each)
            return chain.in_steps(each, undo, (table, schema))
        change = proposed(each, undo)
        if change.undone == "yes":
            change = replace(change, undone=self._of_values(each))
        fails = self._fails_at(each)
        if undo and fails and (fails == _ROWS or change.undone == "yes"):
            change = replace(change, undone=fails)
        change = replace(change, along=self._along(each))
        return [replace(change, waits=waits, step=_step(bool(waits)))]

    def _along(self, difference: Difference) -> str:
        """The table that goes with a foreign key, which goes first to make way."""
        if not difference.kind.endswith("-foreignkey"):
            return ""
        gone = {each.name: each for each in self.wanted if each.kind == "extra-table"}
        table = gone.get(table_of(difference))
        return title(table) if table is not None else ""

    def _fails_at(self, difference: Difference) -> Undo | None:
        """What makes going back fail, where a column is required again."""
        if self._is_left_empty(difference):
            return _ROWS
        freed = difference.kind == "different-column" and chain.MAY_BE_NULL in difference.text
        return _NULLS if freed else None

    def _is_left_empty(self, difference: Difference) -> bool:
        """Whether it drops a column that every row needs a value in, and nothing gives one."""
        if difference.kind != "extra-column":
            return False
        found = self._column(difference, self.one.sides.database)
        if found is None:
            return False
        domains = self.one.live.catalog.domains
        kinds = [each for each in domains if found.domain == cat.Name(each.schema, each.name)]
        required = found.not_null or any(each.not_null for each in kinds)
        filled = found.default or found.identity or found.generated
        return required and not filled and all(each.default is None for each in kinds)

    def _there(self) -> frozenset[str]:
        """The columns of the database, as differences name them."""
        tables = self.one.live.catalog.tables
        shown = (
            (e, e.name if e.schema == self.one.default else f"{e.schema}.{e.name}") for e in tables
        )
        return frozenset(f"{name}.{column.name}" for e, name in shown for column in e.columns)

    def _of_values(self, difference: Difference) -> Undo:
        """What going back does to values, where the type of a column changes."""
        if difference.kind != "different-column" or chain.TYPE not in difference.text:
            return "yes"
        models = self._column(difference, self.one.sides.models)
        live = self._column(difference, self.one.sides.database)
        return of_values(models, live) if models and live else "yes"

    def _column(self, difference: Difference, side: Catalog) -> Column | None:
        schema, name = self.one.sides.key(difference.name.rpartition(".")[0])
        table, column = side.table(name, schema), difference.name.rpartition(".")[2]
        return next((e for e in table.columns if e.name == column), None) if table else None

    def _back(self, back: Undone, waits: Mapping[Difference, str]) -> Iterator[Piece]:
        """The way back, each piece in the revision of the change that it takes back."""
        late = {place(each) for each in self.wanted if waits[each]}
        halves = {(each.kind, place(each)): bool(waits[each]) for each in self.wanted}
        known = {place(each) for each in self.wanted}
        fails = {place(each): why for each in self.wanted if (why := self._fails_at(each))}
        gone = {each.name for each in self.wanted if each.kind == "extra-table"}
        for each in back.pieces:
            if not each.operation:
                continue
            key, half = place(each, back=True), _other_half(each.kind)
            waited = halves.get((half, key), key in late)
            along = key not in known and table_of(each) in gone
            said = _FAILS[fails[key]].format(each.name) if key in fails else ""
            step = _step(waited or along)
            piece = Piece(said, each.operation, each.imports, step, self._along(each))
            yield piece
            if self.chained and waited and half and (half, key) not in halves:
                # The type changes on the way back alone, in the first revision.
                yield replace(piece, step=Step.FIRST)

    def _fills(
        self, steps: Sequence[Sequence[Proposed]], context: MigrationContext
    ) -> Iterator[Proposed]:
        """What gives rows from before the value that the models know for a column."""
        for each, step in zip(self.wanted, steps, strict=True):
            for waits in (change.waits for change in step if chain.REQUIRED in change.waits):
                schema, table = self._table(each)
                found = self.one.built.catalog.table(table, schema or self.one.default)
                code = backfill(context, found, each.name.rpartition(".")[2], schema)
                if code:
                    said = f"fill column {each.name} where it is NULL"
                    why = "the models have a default for it"
                    yield Proposed(said, why, code, "pass", "no", waits=waits, step=Step.ROWS)

    def _table(self, difference: Difference) -> tuple[str | None, str]:
        """Schema and table of a column; no schema where it is the default."""
        schema, table = self.one.sides.key(difference.name.rpartition(".")[0])
        return (schema if schema != self.one.default else None), table


def ways_back(up: Sequence[Proposed], down: Sequence[Piece], *, chained: bool) -> Iterator[Piece]:
    """The way back of each revision, or why there is none."""
    for step in Step if chained else (None,):
        mine = [each for each in up if step in (None, each.step)]
        if lost := [each.title for each in mine if not each.undo]:
            said = f"cannot be undone: {'; '.join(lost)}"
            yield Piece("", _NO_WAY_BACK.format(said), step=step or Step.FIRST)
        else:
            yield from (each for each in down if step in (None, each.step))


def is_kept(difference: Difference, one: One) -> bool:
    """What nothing needs to go: unless it is this change that leaves it without a use."""
    if not difference.minor:
        return False
    if difference.kind == "extra-sequence":
        return True
    schema, name = one.sides.key(difference.name)
    used = {name, f"{schema}.{name}", f'"{name}"'}
    columns = (each for table in one.live.catalog.tables for each in table.columns)
    return not any(each.type.removesuffix("[]") in used for each in columns)


def _other_half(kind: str) -> str:
    """What goes on the way back takes back what came on the way up."""
    side, _, what = kind.partition("-")
    return f"{_HALVES[side]}-{what}" if side in _HALVES else ""


def _step(waits: bool) -> Step:
    return Step.LAST if waits else Step.FIRST
