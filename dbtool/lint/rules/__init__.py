"""Rules over statements and over whole migrations, one file each."""

from dbtool.lint.rules import (
    fails_when_run,
    hidden_blocking_work,
    index_not_concurrent,
    not_null_without_proof,
)
from dbtool.lint.subject import StatementRule, WholeRule

RULES: tuple[StatementRule, ...] = (
    fails_when_run,
    hidden_blocking_work,
    index_not_concurrent,
    not_null_without_proof,
)

WHOLE_RULES: tuple[WholeRule, ...] = ()
