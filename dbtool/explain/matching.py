"""Which node of one plan is which of another: by what it reads or combines, not by its place."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from dbtool.explain.baseline import KeptNode

_JOINS = frozenset({"Nested Loop", "Hash Join", "Merge Join"})
_SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan"})
_READS = re.compile(r" (?:using|on) .*?(?= → | became |$)")
ALIKE = 3
"""Changes beside each other, besides the first, from which on they are told as one."""

Key = tuple[str, str, int, int]

Pair = tuple[KeptNode | None, KeptNode | None]


def match(before: tuple[KeptNode, ...], now: tuple[KeptNode, ...]) -> tuple[Pair, ...]:
    """Pairs of nodes in the order of the second plan; what only the first had comes last.

    A scan is known by the table and the query's name for it, which tells the sides of a
    self-join apart; what stands above scans by the set of them it combines.
    """
    renamed = _renamed(before, now)
    named = tuple(replace(node, reads=renamed.get(node.reads, node.reads)) for node in before)
    old = dict(zip(_keys(named), before, strict=True))
    pairs: list[Pair] = [
        (old.pop(key, None), node) for key, node in zip(_keys(now), now, strict=True)
    ]
    return (*pairs, *((node, None) for node in old.values()))


def _renamed(before: tuple[KeptNode, ...], now: tuple[KeptNode, ...]) -> dict[str, str]:
    """What is read under another name now: a table's only one, or all where nothing else changed.

    Which side of a self-join is which cannot be told when the plan is another one as well.
    """
    gone, came = _only_in(before, now), _only_in(now, before)
    alike = [node.kind for node in before] == [node.kind for node in now]
    found: dict[str, str] = {}
    for table, names in gone.items():
        others = came.get(table, [])
        if len(names) == len(others) and (alike or len(names) == 1):
            found.update(zip(names, others, strict=True))
    return found


def _only_in(nodes: tuple[KeptNode, ...], others: tuple[KeptNode, ...]) -> dict[str, list[str]]:
    """By table, what only these nodes read, in their order."""
    known = {node.reads for node in others}
    found: dict[str, list[str]] = defaultdict(list)
    for reads in dict.fromkeys(node.reads for node in nodes):
        if " " in reads and reads not in known:
            found[reads.rpartition(" ")[0]].append(reads)
    return found


def _keys(nodes: tuple[KeptNode, ...]) -> Iterator[Key]:
    """Each node's family, what it reads, what is below it, and the how-manieth of that it is."""
    below = _below(nodes)
    seen: Counter[tuple[str, str, int]] = Counter()
    for node, inside in zip(nodes, below, strict=True):
        key = (_family(node), node.reads, inside)
        seen[key] += 1
        yield (*key, seen[key])


def _below(nodes: tuple[KeptNode, ...]) -> list[int]:
    """For each node a number that stands for the set of things read by it and below it."""
    sums = [hash(node.reads) if node.reads else 0 for node in nodes]
    above: list[int] = []
    parents = []
    for place, node in enumerate(nodes):
        del above[node.depth :]
        parents.append(above[-1] if above else -1)
        above.append(place)
    for place in range(len(nodes) - 1, 0, -1):
        if parents[place] >= 0:
            sums[parents[place]] += sums[place]
    return sums


def _family(node: KeptNode) -> str:
    """Joins are one family and scans of a table another: a plan is free to choose among them."""
    if node.kind in _JOINS:
        return "join"
    return "scan" if node.kind in _SCANS else node.kind


def told_once(changes: Sequence[str]) -> Iterator[str]:
    """The changes line by line; of a long row of partitions alike the first, and how many."""
    for _, row in groupby(changes, key=_alike):
        first, *others = row
        if len(others) < ALIKE:
            yield from (first, *others)
        else:
            yield f"{first}, and {len(others):,} more like it"


def _alike(change: str) -> str:
    """A change without the names of what is read."""
    return _READS.sub("", change)
