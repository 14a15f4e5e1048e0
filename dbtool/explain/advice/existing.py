"""What the indexes that exist have to do with a statement: why unused, repeated or outgrown."""

from collections.abc import Iterator
from dataclasses import dataclass

from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.candidates import Target
from dbtool.explain.advice.operators import begins
from dbtool.explain.advice.selectivity import share
from dbtool.explain.advice.tables import Existing, Known, Table
from dbtool.explain.advice.terms import Term, predicate_of
from dbtool.report import percent

_SCATTERED = 0.5
_LARGE = 0.05


@dataclass(frozen=True, slots=True)
class Unused:
    """An index that a scan did not use, and why."""

    table: str
    index: str
    reason: str


def unused(target: Target, known: Known) -> Iterator[Unused]:
    """Why a scan that searches its rows did not take one of the indexes of its table."""
    if target.node.kind != "Seq Scan":
        return
    terms = (*target.own.every, *target.joins)
    for index in target.table.indexes:
        if reason := _reason(index, terms, target.table, known):
            yield Unused(target.root.name, index.name, reason)


def _reason(index: Existing, terms: tuple[Term, ...], table: Table, known: Known) -> str:
    first = index.keys[0]
    about = [term for term in terms if first.column and first.column in term.columns]
    same = [term for term in terms if not first.column and term.key == first.expression]
    if not about and not same:
        return _behind(index, terms)
    if not index.valid:
        return "it is invalid, as a CREATE INDEX CONCURRENTLY that failed leaves it: REINDEX it"
    if index.method != "btree":
        return ""
    reasons = [_mismatch(index, term, known) for term in (*about, *same)]
    if all(reasons):
        return reasons[0]
    term = next(term for term, why in zip((*about, *same), reasons, strict=True) if not why)
    if index.predicate:
        rows = predicate_of(index.predicate)
        return f"it holds only rows with {rows}, which the statement does not ask"
    return _judged(term, table)


def _behind(index: Existing, terms: tuple[Term, ...]) -> str:
    """A column that is there, but not first."""
    for place, key in enumerate(index.keys[1:], 2):
        if any(key.column == term.column and term.equality for term in terms if term.column):
            return (
                f"{key.column} is its column {place}, and nothing fixes {index.keys[0].expression},"
                " which comes first"
            )
    return ""


def _mismatch(index: Existing, term: Term, known: Known) -> str:
    """Why a comparison is none that the index's first key serves; empty where it is."""
    key = index.keys[0]
    if term.cast:
        return f"{term.column} is compared as {term.cast}, its keys are of another type"
    if not term.column and term.key != key.expression:
        return f"the statement compares {term.key}, and it holds {key.expression} as it is"
    if term.operator == "~~" and begins(term):
        if known.sorts_by_code_point or key.collation in ("C", "POSIX") or not key.default_opclass:
            return ""
        return (
            f"LIKE needs the order of characters, and it sorts by {known.collation}: it would"
            " take text_pattern_ops"
        )
    if not key.default_opclass and key.opclass.endswith("pattern_ops") and term.bounded:
        return f"its operator class {key.opclass} serves LIKE, and no {term.operator}"
    if not (term.equality or term.bounded or term.operator == "IS NOT NULL"):
        return f"a B-tree does not serve the operator {term.operator}"
    return ""


def _judged(term: Term, table: Table) -> str:
    """It would do, and the planner found that reading the whole table is cheaper."""
    column = table.columns.get(term.column)
    if column is None or not column.distinct:
        return "the planner expected it to be slower; the column was never analysed: ANALYZE"
    kept = share(table, term)
    if term.other:
        return "the planner expected it to be slower than reading the table once"
    said = f"the planner expects about {percent(kept)} of the table"
    if abs(column.correlation) < _SCATTERED and kept >= _LARGE:
        return f"{said}, scattered over it (correlation {column.correlation:.2f})"
    return f"{said} and that reading all of it is cheaper"


def covers(index: Existing, candidate: Candidate) -> bool:
    """Whether an index serves everything a candidate would."""
    if not index.valid or index.method != candidate.method:
        return False
    if index.predicate and predicate_of(index.predicate) != candidate.predicate:
        return False
    held = {*index.include, *(key.column for key in index.keys)}
    return _leads(index, candidate, len(candidate.keys)) and held.issuperset(candidate.include)


def outgrown(table: Table, candidate: Candidate) -> tuple[str, ...]:
    """The indexes that a candidate serves everything of: it begins as they do and goes on."""
    return tuple(
        index.name
        for index in table.indexes
        if not (index.unique or index.constraint)
        and index.method == candidate.method == "btree"
        and predicate_of(index.predicate) == candidate.predicate
        and len(index.keys) <= len(candidate.keys)
        and _leads(index, candidate, len(index.keys))
        and set(candidate.columns).issuperset(index.include)
    )


def _leads(index: Existing, candidate: Candidate, many: int) -> bool:
    """Whether the first keys of both are the same ones, sorted alike."""
    if len(index.keys) < many:
        return False
    pairs = list(zip(index.keys[:many], candidate.keys[:many], strict=True))
    same = all(
        (old.column or old.expression) == (new.column or new.sql)
        and (old.default_opclass or old.opclass == new.opclass)
        and bool(new.opclass) == (not old.default_opclass)
        for old, new in pairs
    )
    turned = {bool(old.options & 1) != new.descending for old, new in pairs}
    return same and len(turned) <= 1
