"""The indexes that the nodes of a plan could use: few, and each for a reason."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dbtool.explain.advice.candidate import Candidate, IndexKey
from dbtool.explain.advice.operators import special
from dbtool.explain.advice.order import forward, order
from dbtool.explain.advice.selectivity import share
from dbtool.explain.advice.tables import Known, Table
from dbtool.explain.advice.terms import SYSTEM, Conditions, Term, conditions
from dbtool.explain.plan import Node, Plan

TINY = 64
"""Blocks up to which a table is read in one go, whatever indexes it has."""

FEW = 50
"""Rows left by the keys so far, below which another key narrows nothing."""

RARE = 0.2
"""The largest share of a table that a partial index is worth."""

MOST_STATES = 20
"""How many values a column may have whose one value a partial index is made for."""

MOST_INCLUDED = 5
WIDEST_INCLUDED = 64
VISIBLE = 0.8
MOST_PER_NODE = 12


_OWN = ("Index Cond", "Recheck Cond", "Filter", "TID Cond")
_JOINS = ("Hash Cond", "Merge Cond", "Join Filter")
_SAY_COLUMNS = frozenset(
    {*_OWN, *_JOINS, "Output", "Sort Key", "Group Key", "Cache Key", "One-Time Filter"}
)
_SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Sample Scan"})


_ARITHMETIC = re.compile(r"\(\S+ [-+*/] \S+\)")
"""A sum that belongs on the other side of the comparison, where the column's own index serves."""

Option = tuple[Candidate, ...]
"""Indexes that only help together; nearly always one."""


@dataclass(frozen=True, slots=True)
class Target:
    """A scan that may lack an index: its table, and what its rows are searched by.

    `bound` tells that constants are but one value of a parameter.
    """

    node: Node
    table: Table
    root: Table
    own: Conditions
    joins: tuple[Term, ...]
    order: tuple[IndexKey, ...]
    used: tuple[str, ...]
    bound: bool = False


def targets(plan: Plan, known: Known, *, bound: bool = False) -> Iterator[Target]:
    """The scans of tables that are worth an index at all."""
    for node in plan.nodes:
        if node.kind not in _SCANS or not node.relation:
            continue
        table = known.table(node.text("Schema"), node.relation)
        if table is None:
            continue
        root = known.table(*table.root) or table
        whole = sum(each.pages for each in known.tables if each.root == table.root)
        if max(table.pages, whole) > TINY:
            yield replace(_target(plan, node, table, root), bound=bound)


def _target(plan: Plan, node: Node, table: Table, root: Table) -> Target:
    texts = [*(node.text(key) for key in _OWN), *_bitmaps(plan, node)]
    strings = root.texts
    found = [conditions(text, node.alias, strings) for text in dict.fromkeys(texts) if text]
    every = tuple(
        dict.fromkeys(
            term for each in found for term in each.every if not SYSTEM.intersection(term.columns)
        )
    )
    either = tuple(arms for each in found for arms in each.either)
    joined = [
        term
        for above in plan.nodes[: node.id - 1]
        for key in _JOINS
        if above.end > node.id and above.text(key)
        for term in conditions(above.text(key), node.alias, strings).every
    ]
    joins = [term for term in (*every, *joined) if term.other and term.equality and not term.cast]
    own = tuple(term for term in every if not term.other)
    return Target(
        node=node,
        table=table,
        root=root,
        own=Conditions(own, either),
        joins=tuple(dict.fromkeys(joins)),
        order=order(plan, node, table),
        used=_used(plan, node, root),
    )


def _bitmaps(plan: Plan, node: Node) -> tuple[str, ...]:
    """What the bitmaps of a heap scan are searched by; under OR each is but one side."""
    kinds = {each.kind for each in plan.below(node)}
    if node.kind != "Bitmap Heap Scan" or "BitmapOr" in kinds:
        return ()
    return tuple(each.text("Index Cond") for each in plan.below(node))


def _used(plan: Plan, node: Node, table: Table) -> tuple[str, ...]:
    """The columns of a scan that the statement needs: a scan below others may print them all."""
    alias = rf'(?<![\w"])"?{re.escape(node.alias)}"?\.'
    alone = sum(bool(each.relation) for each in plan.nodes) == 1
    # Where there is but one table, its columns are printed without its name.
    column = re.compile(rf'(?:{alias}){"?" if alone else ""}(?:"([^"]+)"|(\w+))')
    found: dict[str, None] = {}
    for each in plan.nodes:
        for name, value in each.props.items():
            if name == "Output" and each is node and node.parent:
                continue
            texts = value if isinstance(value, list) else [value]
            for text in texts:
                if isinstance(text, str) and name in _SAY_COLUMNS:
                    found.update(dict.fromkeys(a or b for a, b in column.findall(text)))
    return tuple(each for each in found if each in table.columns)


def propose(plan: Plan, known: Known, *, bound: bool = False) -> tuple[Option, ...]:
    """Every index worth trying for a plan, the plainest first."""
    found: dict[Option, None] = {}
    for target in targets(plan, known, bound=bound):
        for option in list(_options(target, known))[:MOST_PER_NODE]:
            found[option] = None
    return tuple(found)


def _options(target: Target, known: Known) -> Iterator[Option]:
    seen: set[Option] = set()
    for option in (*_searches(target), *_alternatives(target), *_specials(target, known)):
        if option and option not in seen and all(each.keys for each in option):
            seen.add(option)
            yield option


def _specials(target: Target, known: Known) -> Iterator[Option]:
    for term in target.own.every:
        for method, opclass in special(term, target.root, known):
            key = IndexKey(term.key, term.columns, term.column, opclass=opclass)
            yield (_candidate(target, (key,), method=method),)


def _searches(target: Target) -> Iterator[Option]:
    """By equality, then by what is bounded or in the order that is asked for."""
    equal = _narrowest(target, [each for each in target.own.every if _usable(each, "equality")])
    bounded = _bounded(target)
    constant = [each for each in target.own.every if _lasting(target, each)]
    shapes: list[tuple[Term, ...]] = [
        tuple(equal),
        (*equal, *bounded[:1]),
        tuple(equal[:1]),
        tuple(bounded[:1]),
    ]
    for join in target.joins:
        shapes += [(join,), (join, *equal), (*equal, join)]
    for shape in shapes:
        yield from _with_variants(target, _keys(shape), constant)
    fixed = _keys(equal)
    taken = {key.sql for key in fixed}
    sorting = tuple(key for key in forward(target.order) if key.sql not in taken)
    if sorting:
        yield from _with_variants(target, (*fixed, *sorting), constant)
        yield from _with_variants(target, sorting, constant)


def _with_variants(
    target: Target, keys: tuple[IndexKey, ...], constant: Iterable[Term]
) -> Iterator[Option]:
    """The index itself, only for the rows a constant condition selects, and covering."""
    if not keys:
        return
    plain = _candidate(target, keys)
    yield (plain,)
    for term in constant:
        if share(target.root, term) <= RARE:
            rest = tuple(key for key in keys if key.column != term.column or len(keys) == 1)
            yield (replace(plain, keys=rest, predicate=term.predicate),)
    if extra := _payload(target, plain):
        yield (replace(plain, include=extra),)


def _alternatives(target: Target) -> Iterator[Option]:
    """For conditions joined by OR: an index for each side, since one alone serves nothing."""
    for arms in target.own.either:
        option: list[Candidate] = []
        for arm in arms:
            narrow = _narrowest(target, [each for each in arm if _usable(each, "equality")])
            terms = narrow[:1] or [each for each in arm if _usable(each, "bounded")][:1]
            if not terms:
                break
            option.append(_candidate(target, _keys(terms)))
        else:
            distinct = tuple(dict.fromkeys(option))
            yield tuple(each for each in distinct if not _exists(target.root, each))


def _lasting(target: Target, term: Term) -> bool:
    """Whether a constant condition is one that statements repeat: not the id of one row."""
    column = target.root.columns.get(term.column)
    if not term.predicate or column is None or term.bounded:
        return False
    if term.operator not in ("=", "<>"):
        return True
    return not target.bound and 0 < column.distinct <= MOST_STATES


def _exists(table: Table, candidate: Candidate) -> bool:
    first = candidate.keys[0].column
    whole = (each for each in table.indexes if each.valid and not each.predicate)
    return bool(first) and any(each.keys[0].column == first for each in whole)


def _usable(term: Term, kind: str) -> bool:
    hides = term.cast or _ARITHMETIC.fullmatch(term.key)
    return bool(getattr(term, kind)) and not hides and not term.other


def _bounded(target: Target) -> list[Term]:
    found = [each for each in target.own.every if _usable(each, "bounded")]
    both = [each.key for each in found]
    # A column bounded on both sides keeps less than one bounded on one.
    return sorted(found, key=lambda each: -both.count(each.key))


def _narrowest(target: Target, terms: list[Term]) -> list[Term]:
    """Terms in the order in which they narrow most, without those that narrow nothing more."""
    ordered = sorted(terms, key=lambda each: share(target.root, each))
    rows, kept = max(target.root.rows, 1.0), list[Term]()
    for term in ordered:
        if kept and (rows < FEW or share(target.root, term) > 0.7):
            continue
        rows *= share(target.root, term)
        kept.append(term)
    return kept


def _keys(terms: Iterable[Term]) -> tuple[IndexKey, ...]:
    keys = {each.key: IndexKey(each.key, each.columns, each.column) for each in terms}
    return tuple(keys.values())


def _payload(target: Target, candidate: Candidate) -> tuple[str, ...]:
    """The columns that would answer the statement from the index alone, where they are few.

    An index that holds all of a table is the table once more.
    """
    rest = [each for each in target.used if each not in candidate.columns]
    held = [target.root.columns[each] for each in rest]
    copies = len(rest) > 2 and len(rest) + len(candidate.columns) >= len(target.root.columns)
    if not rest or len(rest) > MOST_INCLUDED or copies:
        return ()
    whole = target.table
    visible = whole.all_visible / whole.pages if whole.pages > 0 else 0.0
    fits = sum(each.width for each in held) <= WIDEST_INCLUDED
    return tuple(rest) if fits and visible >= VISIBLE else ()


def _candidate(target: Target, keys: tuple[IndexKey, ...], method: str = "btree") -> Candidate:
    return Candidate(target.root.schema, target.root.name, keys, method)
