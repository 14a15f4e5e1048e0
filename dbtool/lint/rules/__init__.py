"""Rules over statements and over whole migrations, one file each."""

from dbtool.lint.rules import (
    concurrently_in_transaction,
    concurrently_on_partitioned,
    fails_when_run,
    foreign_key_without_index,
    hidden_blocking_work,
    index_dropped_under_lock,
    index_not_concurrent,
    invalid_index_hidden,
    not_null_without_proof,
    redundant_index,
    reindex_not_concurrent,
)
from dbtool.lint.subject import StatementRule, WholeRule

RULES: tuple[StatementRule, ...] = (
    fails_when_run,
    hidden_blocking_work,
    index_not_concurrent,
    not_null_without_proof,
    index_dropped_under_lock,
    reindex_not_concurrent,
    concurrently_in_transaction,
    concurrently_on_partitioned,
    invalid_index_hidden,
)

WHOLE_RULES: tuple[WholeRule, ...] = (
    foreign_key_without_index,
    redundant_index,
)

OPT_IN: tuple[StatementRule, ...] = ()
"""Rules of style, which are asked only where somebody selects them."""
