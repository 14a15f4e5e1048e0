"""Rules over models, revisions and what a database records, one file each."""

from typing import TYPE_CHECKING

from dbtool.finding import Rule
from dbtool.migrate.rules import (
    drift,
    foreign_key_unindexed,
    naive_datetime,
    primary_key_indexed_again,
    revisions_pending,
)
from dbtool.migrate.standing import Standing

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
