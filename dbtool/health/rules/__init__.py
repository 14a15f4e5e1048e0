"""Rules over what a server said of itself, one file each."""

from dbtool.finding import Rule
from dbtool.health.pool import Pool
from dbtool.health.rules import (
    asyncpg_through_pooler,
    connection_limit_near,
    few_free_slots,
    lock_queue,
    transaction_held_idle,
    transactions_leaked,
)

POOL: tuple[Rule[Pool], ...] = (
    asyncpg_through_pooler,
    few_free_slots,
    connection_limit_near,
    lock_queue,
    transaction_held_idle,
    transactions_leaked,
)
"""What `pool` judges; the first is told first, for wrong rows come before no rows."""
