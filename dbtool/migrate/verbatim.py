"""What Alembic writes operations with, so that what is written says what the models say."""

from copy import copy

from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext


def verbatim(context: MigrationContext) -> AutogenContext:
    """One that writes a percent sign as it is: some drivers want two, in SQL but not in code."""
    made, impl, dialect = copy(context), copy(context.impl), copy(context.impl.dialect)
    dialect.identifier_preparer = copy(dialect.identifier_preparer)
    dialect.identifier_preparer._double_percents = False
    # What it has quoted before is kept, with two.
    dialect.identifier_preparer._strings = {}
    # What writes literals, and is kept by their types, knows the dialect it was made for.
    vars(dialect).pop("_type_memos", None)
    impl.dialect = made.dialect = dialect
    made.impl = impl
    return AutogenContext(made, autogenerate=False)
