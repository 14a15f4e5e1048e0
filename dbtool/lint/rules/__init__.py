"""Rules over statements and over whole migrations, one file each."""

from dbtool.lint.rules import (
    allow_unknown,
    allow_unused,
    allow_without_reason,
    cascade_drop,
    column_dropped,
    column_recreated,
    column_renamed,
    column_type_in_use,
    column_type_recheck,
    column_type_reindex,
    column_type_rewrite,
    column_type_without_cast,
    concurrently_in_transaction,
    concurrently_on_partitioned,
    constraint_lost_with_column,
    drop_with_dependents,
    fails_when_run,
    foreign_key_without_index,
    hidden_blocking_work,
    index_dropped_under_lock,
    index_not_concurrent,
    invalid_index_hidden,
    not_null_without_proof,
    not_read,
    object_dropped,
    redundant_index,
    reindex_not_concurrent,
    syntax_error,
    table_dropped,
    table_renamed,
    table_truncated,
    type_renamed,
    view_dropped,
)
from dbtool.lint.subject import CommentRule, StatementRule, WholeRule

RULES: tuple[StatementRule, ...] = (
    syntax_error,
    fails_when_run,
    hidden_blocking_work,
    column_type_rewrite,
    column_type_reindex,
    column_type_recheck,
    column_type_in_use,
    column_type_without_cast,
    index_not_concurrent,
    not_null_without_proof,
    index_dropped_under_lock,
    reindex_not_concurrent,
    concurrently_in_transaction,
    concurrently_on_partitioned,
    invalid_index_hidden,
    column_dropped,
    constraint_lost_with_column,
    cascade_drop,
    drop_with_dependents,
    table_truncated,
)

WHOLE_RULES: tuple[WholeRule, ...] = (
    not_read,
    foreign_key_without_index,
    redundant_index,
    table_renamed,
    column_renamed,
    type_renamed,
    table_dropped,
    view_dropped,
    object_dropped,
    column_recreated,
)

COMMENT_RULES: tuple[CommentRule, ...] = (
    allow_unknown,
    allow_unused,
    allow_without_reason,
)

OPT_IN: tuple[StatementRule, ...] = ()
"""Rules of style, which are asked only where somebody selects them."""
