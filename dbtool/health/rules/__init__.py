"""Rules over what a server said of itself, one file each.

Listed here are those of the small commands; `top` and `doctor` list theirs where they ask them.
"""

from dbtool.finding import Rule
from dbtool.health.budget import Budget
from dbtool.health.layers import Layers
from dbtool.health.locks import Locks
from dbtool.health.now import Now
from dbtool.health.pool import Pool
from dbtool.health.rules import (
    advisory_lock_kept_idle,
    archiving_fails,
    asyncpg_through_pooler,
    connection_limit_near,
    few_free_slots,
    lock_queue,
    pooler_clients_near_limit,
    pooler_queue_behind_idle,
    pooler_queue_behind_work,
    pooler_queue_unserved,
    pooler_server_unreachable,
    pools_exceed_limit,
    pools_exceed_pooler_clients,
    pools_exceed_slots,
    pre_ping_costs_round_trips,
    prepared_transaction_blocks,
    prepared_transaction_undecided,
    queue_behind_waiting_statement,
    replica_lags,
    slot_retains_wal,
    statement_runs_long,
    statements_cached_through_pooler,
    transaction_held_idle,
    transaction_ids_run_out,
    transactions_leaked,
)

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

POOLER: tuple[Rule[Layers], ...] = (
    pooler_queue_behind_idle,
    pooler_queue_behind_work,
    pooler_queue_unserved,
    pooler_clients_near_limit,
    pooler_server_unreachable,
)
"""What `pool --pgbouncer` judges besides."""

BUDGET: tuple[Rule[Budget], ...] = (
    statements_cached_through_pooler,
    pools_exceed_slots,
    pools_exceed_limit,
    pools_exceed_pooler_clients,
    pre_ping_costs_round_trips,
)
"""What `pool budget` judges."""

SIGNS: tuple[Rule[Now], ...] = (
    transaction_ids_run_out,
    slot_retains_wal,
    archiving_fails,
    replica_lags,
    prepared_transaction_undecided,
    statement_runs_long,
)
"""What `now` judges beside the connections and locks."""
