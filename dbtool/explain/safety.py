"""What may be run: which kinds of statement, and which functions a rollback does not undo."""

import re
from collections.abc import Iterable, Iterator

from dbtool.errors import UsageError
from dbtool.explain.facts import Facts, FunctionFacts
from dbtool.explain.plan import Plan
from dbtool.guard import Standing
from dbtool.sql.classify import Kind

RUNNABLE = frozenset({Kind.SELECT})
"""Kinds that only read."""

WRITING = frozenset(
    {
        Kind.SELECT_INTO,
        Kind.SELECT_LOCKING,
        Kind.WITH_DML,
        Kind.INSERT,
        Kind.UPDATE,
        Kind.DELETE,
        Kind.MERGE,
        Kind.CREATE_TABLE_AS,
        Kind.CREATE_MATERIALIZED_VIEW,
    }
)
"""Kinds that may be run and rolled back where somebody agreed to it."""

PLANNABLE = RUNNABLE | WRITING | {Kind.DECLARE_CURSOR}
"""Kinds that PostgreSQL can plan without running."""

NOT_RUN = "--no-analyze shows the plan without running the statement."
ROLLED_BACK = "--allow-writes runs it and rolls it back."

_BUILT_IN = re.compile(
    r"random.*|setseed|clock_timestamp|timeofday|gen_random_uuid|uuidv[47]|pg_sleep.*|pg_notify"
    r"|currval|lastval|current_query|set_config|txid_.*|pg_xact_.*|pg_prepared_xact"
    r"|pg_.*_size|pg_is_.*|pg_current_.*|pg_last_.*|pg_get_.*|pg_show_.*|pg_control_.*"
    r"|pg_stat_(?!reset|force|file).*|pg_.*blocking_pids|pg_lock_status|pg_partition_.*"
    r"|pg_sequence_last_value|pg_notification_queue_usage|pg_.*_actual_version|pg_jit_available"
    r"|pg_hba_file_rules|pg_ident_file_mappings|array_(?:sample|shuffle)|amvalidate|currtid2"
    r"|lo_get|lo_tell.*|lo_lseek.*|lo_open|lo_close|loread|bernoulli|system",
)
"""Volatile functions of PostgreSQL whose work ends with the transaction or changes nothing."""

_EXTENSIONS = re.compile(
    r"uuid_generate_.*|gen_random_bytes|gen_salt|pg_stat_statements(?:_info)?|pg_buffercache_pages"
    r"|pg_buffercache_summary|pgstat.*|pg_freespace|pg_visibility.*|bt_metap|bt_page_.*|bt_multi_page_stats",
)
"""Volatile functions of known extensions that change nothing."""

_LASTING = re.compile(
    r"dblink.*|http.*|.*advisory.*|.*_reset|pg_file_.*|pg_buffercache_(?:evict|mark).*|cron_.*"
    r"|heap_force_.*|pg_truncate_visibility_map|bt_index_parent_check"
)
"""Volatile functions of known extensions whose work outlives a rollback."""

_CALL = re.compile(r'(?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))*(?=\()')
_QUOTED = re.compile(r"""("(?:[^"]|"")*")|'(?:[^']|'')*'""")
"""A name in quotes, which is kept, or a literal: what looks like a call in there is none."""


def check_kind(line: int, kind: Kind, *, analyze: bool, writes: bool = False) -> None:
    """Refuse what cannot be explained, or not by running it."""
    place = f" on line {line}" if line > 1 else ""
    if kind not in PLANNABLE:
        raise UsageError(
            f"the statement{place} cannot be explained: it is {_article(kind)}",
            hint="Give a SELECT, INSERT, UPDATE, DELETE or MERGE statement.",
        )
    if analyze and kind not in (RUNNABLE | WRITING if writes else RUNNABLE):
        raise UsageError(
            f"refused to run the statement{place}: it is {_article(kind)}",
            detail="To measure a statement PostgreSQL carries it out. A rollback does not undo"
            " all of it: sequences, table growth, WAL, what triggers reach outside.",
            hint=NOT_RUN if writes or kind not in WRITING else f"{NOT_RUN[:-1]}; {ROLLED_BACK}",
        )


def _article(kind: Kind) -> str:
    if kind is Kind.TRANSACTION:
        return kind.value
    return f"{'an' if kind.value[0] in 'AEIOU' else 'a'} {kind.value}"


def called(plan: Plan) -> set[str]:
    """Functions the plan mentions: also those that views and policies brought in."""
    found: set[str] = set()
    for node in plan.nodes:
        found.update(_names(node.props.values()))
    return found


def _names(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, list):
            yield from _names(value)
        elif isinstance(value, str) and "(" in value:
            for name in _CALL.findall(_QUOTED.sub(r"\1", value)):
                yield name.replace('"', "")


def lasting(facts: Facts, *, writes: bool = False) -> tuple[FunctionFacts, ...]:
    """The functions that must not be run; who lets writes run lets them take numbers."""
    return tuple(
        each
        for each in facts.volatile
        if _outlives(each) and not (writes and _takes_a_number(each))
    )


def doubtful(facts: Facts, standing: Standing) -> tuple[FunctionFacts, ...]:
    """Volatile functions of which nothing is known, and that nothing holds back.

    In a trusted language a function only does what a read-only transaction lets it, which is
    enough in development; one in C does what it likes.
    """
    return tuple(
        each
        for each in facts.volatile
        if each.schema != "pg_catalog"
        and not _outlives(each)
        and not _EXTENSIONS.fullmatch(each.name)
        and not (each.trusted and standing is Standing.DEVELOPMENT)
    )


def _takes_a_number(function: FunctionFacts) -> bool:
    return (function.schema, function.name) == ("pg_catalog", "nextval")


def _outlives(function: FunctionFacts) -> bool:
    if function.schema == "pg_catalog":
        return not _BUILT_IN.fullmatch(function.name)
    return function.schema == "cron" or bool(_LASTING.fullmatch(function.name))


def check_functions(facts: Facts, *, writes: bool = False) -> None:
    """Refuse functions whose work outlives the rollback."""
    if found := lasting(facts, writes=writes):
        raise UsageError(
            f"refused to run the statement: it calls {listed(found)}",
            detail="What that does is not undone by a rollback, or cannot be told from here.",
            hint=NOT_RUN,
        )


def listed(functions: Iterable[FunctionFacts]) -> str:
    """Function names as a person writes them."""
    names = (
        each.name if each.schema == "pg_catalog" else f"{each.schema}.{each.name}"
        for each in functions
    )
    return ", ".join(f"{name}()" for name in names)
