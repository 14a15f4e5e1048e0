"""Rules over what a server said of itself, one file each."""

from dbtool.finding import Rule
from dbtool.health.doctor.concern import Hygiene
from dbtool.health.locks import Locks
from dbtool.health.now import Now
from dbtool.health.pool import Pool
from dbtool.health.rules import (
    advisory_lock_kept_idle,
    archiving_fails,
    asyncpg_through_pooler,
    autovacuum_switched_off,
    checkpoints_forced,
    checksum_failed,
    connection_limit_near,
    connections_unencrypted,
    constraint_never_validated,
    dead_rows_pile_up,
    deadlocks_happen,
    evidence_not_kept,
    few_free_slots,
    horizon_pinned,
    index_begins_another,
    index_invalid,
    index_never_scanned,
    index_twice,
    key_runs_out,
    lock_queue,
    no_slot_for_rescue,
    password_hashed_weakly,
    prepared_transaction_blocks,
    prepared_transaction_undecided,
    queue_behind_waiting_statement,
    reference_not_indexed,
    replica_lags,
    role_is_superuser,
    role_owns_tables,
    schema_open_to_all,
    setting_loses_data,
    slot_retains_wal,
    statement_dominates,
    statement_runs_long,
    statement_spills,
    statistics_stale,
    table_bloated,
    table_has_no_key,
    temporary_files_heavy,
    transaction_held_idle,
    transaction_ids_run_out,
    transactions_leaked,
    trigger_left_disabled,
    view_never_filled,
)
from dbtool.health.top import Top

LOCKS: tuple[Rule[Locks], ...] = (
    queue_behind_waiting_statement,
    lock_queue,
    prepared_transaction_blocks,
    advisory_lock_kept_idle,
    transaction_held_idle,
)
"""What `locks` judges."""

POOL: tuple[Rule[Pool], ...] = (
    asyncpg_through_pooler,
    few_free_slots,
    connection_limit_near,
    queue_behind_waiting_statement,
    lock_queue,
    prepared_transaction_blocks,
    advisory_lock_kept_idle,
    transaction_held_idle,
    transactions_leaked,
)
"""What `pool` judges; the first is told first, for wrong rows come before no rows."""

SIGNS: tuple[Rule[Now], ...] = (
    transaction_ids_run_out,
    slot_retains_wal,
    archiving_fails,
    replica_lags,
    prepared_transaction_undecided,
    statement_runs_long,
)
"""What `now` judges beside the connections and locks."""

TOP: tuple[Rule[Top], ...] = (
    statement_dominates,
    statement_spills,
)
"""What `top` judges."""

DOCTOR: tuple[Hygiene, ...] = (
    setting_loses_data,
    checksum_failed,
    key_runs_out,
    horizon_pinned,
    dead_rows_pile_up,
    autovacuum_switched_off,
    statistics_stale,
    index_invalid,
    index_twice,
    index_begins_another,
    index_never_scanned,
    reference_not_indexed,
    table_bloated,
    table_has_no_key,
    constraint_never_validated,
    trigger_left_disabled,
    view_never_filled,
    checkpoints_forced,
    temporary_files_heavy,
    deadlocks_happen,
    no_slot_for_rescue,
    role_is_superuser,
    role_owns_tables,
    schema_open_to_all,
    connections_unencrypted,
    password_hashed_weakly,
    evidence_not_kept,
)
"""What `doctor` judges; what costs data comes first."""
