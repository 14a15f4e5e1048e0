"""A guess from statistics alone, for where no planner can be asked."""

from collections.abc import Iterable, Sequence
from math import prod

from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.candidates import RARE, Option, Target
from dbtool.explain.advice.selectivity import share


def pick(scans: Sequence[Target], options: Iterable[Option]) -> tuple[Candidate, ...]:
    """For each scan of a whole table the index that leaves least of it, if that is little."""
    waiting = [option[0] for option in options if len(option) == 1]
    found: dict[Candidate, None] = {}
    for scan in scans:
        if scan.node.kind != "Seq Scan":
            continue
        own = [
            each
            for each in waiting
            if (each.schema, each.table) == scan.root.key
            and not each.include
            and _kept(each, scan) <= RARE
        ]
        if own:
            found[min(own, key=lambda each: (_kept(each, scan), len(each.keys)))] = None
    return tuple(found)


def _kept(candidate: Candidate, scan: Target) -> float:
    """The share of the table that its keys leave to be looked at."""
    keys = {key.sql for key in candidate.keys}
    terms = [term for term in (*scan.own.every, *scan.joins) if term.key in keys]
    return prod(share(scan.root, term) for term in terms) if terms else 1.0
