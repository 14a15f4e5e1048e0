"""Put what causes a finding before it: who mends that first may have nothing else to mend."""

from dbtool.explain.analysis import Analysis
from dbtool.explain.plan import Node
from dbtool.explain.rules import (
    blocks_per_row,
    cartesian_product,
    cast_hides_index,
    correlated_subplan,
    cte_overcomputed,
    disabled_node,
    filter_after_index,
    full_page_images,
    function_rows_guessed,
    generic_plan_costs,
    hash_spill,
    heap_fetches,
    init_plan_dominates,
    jit_overhead,
    join_filter_discards,
    lossy_bitmap,
    memoize_misses,
    merge_join_sorts,
    nested_loop_repeats,
    offset_pagination,
    ordered_scan_filters,
    partitions_not_pruned,
    reads_dominate,
    recheck_discards,
    references_searched_row_by_row,
    row_misestimate,
    rows_discarded,
    slow_count,
    slow_planning,
    sort_spill,
    temporary_files,
    timing_overhead,
    top_n_over_many,
    trigger_time,
    waited_for_lock,
    weak_bitmap,
    wide_rows,
    worker_skew,
    workers_not_launched,
)
from dbtool.finding import Finding

LED_TO = frozenset(
    each.NAME
    for each in (
        filter_after_index,
        hash_spill,
        jit_overhead,
        lossy_bitmap,
        memoize_misses,
        merge_join_sorts,
        nested_loop_repeats,
        ordered_scan_filters,
        reads_dominate,
        rows_discarded,
        sort_spill,
        temporary_files,
        top_n_over_many,
        weak_bitmap,
    )
)
"""Rules about what a planner chooses by its estimates: another one, another plan."""

OF_THE_STATEMENT = frozenset(
    each.NAME
    for each in (
        blocks_per_row,
        cartesian_product,
        cast_hides_index,
        correlated_subplan,
        cte_overcomputed,
        disabled_node,
        references_searched_row_by_row,
        full_page_images,
        function_rows_guessed,
        generic_plan_costs,
        heap_fetches,
        init_plan_dominates,
        join_filter_discards,
        offset_pagination,
        partitions_not_pruned,
        recheck_discards,
        row_misestimate,
        slow_count,
        slow_planning,
        timing_overhead,
        trigger_time,
        waited_for_lock,
        wide_rows,
        worker_skew,
        workers_not_launched,
    )
)
"""Rules about how a statement is written, its data or its server: no estimate led to that."""


def about(analysis: Analysis, finding: Finding) -> Node | None:
    """The node a finding is about, which its place begins with."""
    number = place_of(finding)
    return analysis.plan.node(number) if number else None


def place_of(finding: Finding) -> int:
    """The number of that node; 0 where it is about the whole statement."""
    name = finding.location.name if finding.location else None
    number, _, _ = name[1:].partition(" ") if name and name[0] == "#" else ("", "", "")
    return int(number) if number.isdecimal() else 0


def by_cause(
    analysis: Analysis, findings: tuple[Finding, ...]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings in their order, an estimate that can be mended before what it led to.

    That is what is found, without a fix of its own, of the same node and of the join that was
    chosen on the estimate. Beside them those estimates that led to something.
    """
    if not any(each.rule in LED_TO and not each.fix for each in findings):
        return findings, ()
    mendable = {
        number: finding
        for finding in findings
        if finding.rule == row_misestimate.NAME and finding.fix
        for number in _misled(analysis, finding)
    }
    ordered: dict[int, Finding] = {}
    causes: dict[int, Finding] = {}
    for finding in findings:
        node = about(analysis, finding)
        led_to = node and not finding.fix and finding.rule in LED_TO
        if node and led_to and (cause := mendable.get(node.id)):
            ordered.setdefault(id(cause), cause)
            causes[id(cause)] = cause
        ordered.setdefault(id(finding), finding)
    return tuple(ordered.values()), tuple(causes.values())


def _misled(analysis: Analysis, finding: Finding) -> tuple[int, ...]:
    """The nodes that a wrong estimate decided on: its own, and the nearest join above."""
    node = about(analysis, finding)
    join = node and row_misestimate.join_above(analysis, node)
    return tuple(each.id for each in (node, join) if each)
