"""Rules over what a server said of itself, one file each."""

from dbtool.finding import Rule
from dbtool.health.locks import Locks
from dbtool.health.pool import Pool
from dbtool.health.rules import (
    advisory_lock_kept_idle,
    asyncpg_through_pooler,
    connection_limit_near,
    few_free_slots,
    lock_queue,
    prepared_transaction_blocks,
    queue_behind_waiting_statement,
    transaction_held_idle,
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
