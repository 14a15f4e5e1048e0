"""What may be run: which kinds of statement, and which functions a rollback does not undo."""

import re
from collections.abc import Iterable

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

_EXTENSIONS = frozenset(
    {
        "amcheck",
        "citext",
        "hypopg",
        "intagg",
        "pageinspect",
        "pg_buffercache",
        "pg_freespacemap",
        "pg_stat_statements",
        "pg_trgm",
        "pg_uuidv7",
        "pg_visibility",
        "pg_walinspect",
        "pgcrypto",
        "pgrowlocks",
        "pgstattuple",
        "postgis",
        "sslinfo",
        "tablefunc",
        "uuid-ossp",
    }
)
"""Extensions whose functions in C keep to the transaction, but for those that are `_LASTING`."""

_LASTING = re.compile(
    r"dblink.*|http.*|.*advisory.*|.*_reset|pg_file_.*|pg_buffercache_(?:evict|mark).*|cron_.*"
    r"|heap_force_.*|pg_truncate_visibility_map|bt_index_parent_check"
)
"""Functions in C of known extensions whose work outlives a rollback."""


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


def lasting(facts: Facts, *, writes: bool = False) -> tuple[FunctionFacts, ...]:
    """The functions that must not be run; who lets writes run lets them take numbers."""
    return tuple(
        each
        for each in facts.volatile
        if not each.via and _outlives(each) and not (writes and _takes_a_number(each))
    )


def doubtful(facts: Facts, standing: Standing) -> tuple[FunctionFacts, ...]:
    """Functions that nothing is known to hold back; a body that mentions one may not call it.

    In a trusted language a function only does what a read-only transaction lets it, which is
    enough in development, unless it reaches out of the transaction; one in C does what it likes.
    """
    return tuple(
        each
        for each in facts.volatile
        if _reaches(each) or not (_known(each) or _held_back(each, standing))
    )


def _known(function: FunctionFacts) -> bool:
    return (
        function.schema == "pg_catalog" or _outlives(function) or function.extension in _EXTENSIONS
    )


def _reaches_out(function: FunctionFacts) -> bool:
    """Whether its work outlives a rollback; the server refuses numbers where nothing is written."""
    return bool(function.via) and _outlives(function) and not _takes_a_number(function)


def _held_back(function: FunctionFacts, standing: Standing) -> bool:
    return function.trusted and (function.supposed or standing is Standing.DEVELOPMENT)


def _takes_a_number(function: FunctionFacts) -> bool:
    return (function.schema, function.name) == ("pg_catalog", "nextval")


def _outlives(function: FunctionFacts) -> bool:
    if function.schema == "pg_catalog":
        return not _BUILT_IN.fullmatch(function.name)
    if function.trusted:
        # A team may call its own by any name: what their bodies call is looked at.
        return False
    return function.schema == "cron" or bool(_LASTING.fullmatch(function.name))


def check_functions(facts: Facts, *, writes: bool = False) -> None:
    """Refuse functions whose work outlives the rollback."""
    if found := lasting(facts, writes=writes):
        raise UsageError(
            f"refused to run the statement: it calls {listed(found)}",
            detail="What that does is not undone by a rollback, or cannot be told from here.",
            hint=NOT_RUN,
        )


def run_to_plan(facts: Facts) -> tuple[FunctionFacts, ...]:
    """The functions that planning may run and whose work is not undone by a rollback."""
    return tuple(
        each
        for each in facts.volatile
        if each.planned
        and (
            each.copies
            or each.unconfined
            or _composes(each)
            or (_outlives(each) and not _takes_a_number(each))
        )
    )


def check_planning(found: Iterable[FunctionFacts]) -> None:
    """Refuse even to plan what calls functions that planning runs, and that reach out."""
    if found := tuple(found):
        raise UsageError(
            f"refused to plan the statement: it calls {listed(found)}",
            detail="While it plans PostgreSQL checks values of domains and runs functions that are"
            " not marked VOLATILE, and what that does may not be undone by a rollback.",
            hint="--yes plans and runs it all the same.",
        )


def _reaches(function: FunctionFacts) -> bool:
    return function.copies or _composes(function) or _reaches_out(function)


def _composes(function: FunctionFacts) -> bool:
    """Whether nobody can tell beforehand what SQL it runs."""
    return (
        function.composes
        and function.schema not in ("pg_catalog", "information_schema")
        and function.extension not in _EXTENSIONS
    )


def listed(functions: Iterable[FunctionFacts]) -> str:
    """Functions as a person writes them, and where one is called that is not seen."""
    return ", ".join(dict.fromkeys(map(_listed, functions)))


def _listed(function: FunctionFacts) -> str:
    built_in = function.schema == "pg_catalog"
    name = function.name if built_in else f"{function.schema}.{function.name}"
    if function.program:
        return f"the program {function.program} by reading {name}"
    if function.remote:
        return f"another server by reading {name}"
    if function.copies:
        return f"COPY with a file or program in {function.via or name}()"
    called = f"{name}() in {function.via}()" if function.via else f"{name}()"
    return f"SQL put together in {called}" if _composes(function) else called


def programs(plan: Plan) -> tuple[str, ...]:
    """The programs that foreign tables of a plan run on the server."""
    return tuple(filter(None, (node.text("Foreign Program") for node in plan.nodes)))


def elsewhere(plan: Plan) -> tuple[str, ...]:
    """What a plan has another PostgreSQL server read, in a transaction that may write there."""
    remote = (node for node in plan.nodes if node.text("Remote SQL"))
    return tuple(dict.fromkeys(node.relation or node.text("Relations") for node in remote))
