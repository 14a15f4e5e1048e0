"""Rules over an analysed plan, one file each."""

from dbtool.explain.analysis import Analysis
from dbtool.explain.rules import (
    correlated_subplan,
    filter_after_index,
    hash_spill,
    heap_fetches,
    jit_overhead,
    lossy_bitmap,
    nested_loop_repeats,
    offset_pagination,
    row_misestimate,
    rows_discarded,
    slow_planning,
    sort_spill,
    workers_not_launched,
)
from dbtool.finding import Rule

RULES: tuple[Rule[Analysis], ...] = (
    rows_discarded,
    filter_after_index,
    nested_loop_repeats,
    correlated_subplan,
    row_misestimate,
    sort_spill,
    hash_spill,
    lossy_bitmap,
    heap_fetches,
    offset_pagination,
    workers_not_launched,
    jit_overhead,
    slow_planning,
)
