"""Rules over models, revisions and what a database records, one file each."""

from typing import TYPE_CHECKING

from dbtool.finding import Rule
from dbtool.migrate.rules import (
    downgrade_differs,
    downgrade_does_nothing,
    downgrade_fails,
    downgrade_leaves_behind,
    downgrade_refused,
    drift,
    foreign_key_unindexed,
    naive_datetime,
    primary_key_indexed_again,
    revisions_pending,
    rows_not_kept,
    upgrade_fails,
    upgrade_not_repeatable,
)
from dbtool.migrate.standing import Standing
from dbtool.migrate.trip import Trip

if TYPE_CHECKING:
    from dbtool.migrate.declared import Declared
    from dbtool.migrate.drift import Drift

COMPARED: "tuple[Rule[Drift], ...]" = (drift,)
"""What `check` judges once models and database are compared."""

STANDING: tuple[Rule[Standing], ...] = (revisions_pending,)
"""What is judged of the revisions a database records."""

MODELS: "tuple[Rule[Declared], ...]" = (
    primary_key_indexed_again,
    naive_datetime,
    foreign_key_unindexed,
)
"""What is judged of the models alone."""

TRIPS: tuple[Rule[Trip], ...] = (
    upgrade_fails,
    downgrade_fails,
    downgrade_differs,
    downgrade_leaves_behind,
    downgrade_does_nothing,
    upgrade_not_repeatable,
    rows_not_kept,
    downgrade_refused,
)
"""What is judged of a revision that ran up, down and up again."""
