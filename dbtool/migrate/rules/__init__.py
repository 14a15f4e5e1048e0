"""Rules over models, revisions and what a database records, one file each."""

from typing import TYPE_CHECKING

from dbtool.finding import Rule
from dbtool.migrate.rules import drift, revisions_pending
from dbtool.migrate.standing import Standing

if TYPE_CHECKING:
    from dbtool.migrate.drift import Drift

COMPARED: "tuple[Rule[Drift], ...]" = (drift,)
"""What `check` judges once models and database are compared."""

STANDING: tuple[Rule[Standing], ...] = (revisions_pending,)
"""What is judged of the revisions a database records."""
