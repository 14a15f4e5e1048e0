"""The tables of the project's models, and its scenarios, for the shell."""

import io
from contextlib import redirect_stderr, redirect_stdout


def complete_tables(incomplete: str) -> list[str]:
    """What a list of tables may go on with, behind its last comma."""
    from dbtool.metadata import load as load_models
    from dbtool.settings.values import load

    settings = load(None, None, None)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        models = load_models(settings.models, settings.root, settings.alembic_config)
    before, comma, last = incomplete.rpartition(",")
    names = (table.fullname for table in models.tables)
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def complete_scenarios(incomplete: str) -> list[str]:
    """The scenarios whose names begin so."""
    from dbtool.seed.files import Seeds
    from dbtool.settings.values import load

    settings = load(None, None, None)
    names = Seeds(settings.root, settings.seeds).scenarios()
    return [name for name in names if name.startswith(incomplete)]
