"""What `dbtool upgrade` does when it is done: fresh statistics, and the schema in a file."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dbtool.cli import output
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.migrate.afterwards import Wanted

ANALYZE = typer.Option(
    "--analyze", help="Analyse the tables whose statistics are useless after the upgrade."
)
DUMP_SCHEMA = typer.Option(
    "--dump-schema", metavar="FILE", help="Write the schema to FILE afterwards, by pg_dump."
)


def refuse_afterwards(analyze: bool, dump: Path | None, instead: str) -> None:
    """Where no upgrade of one database runs, nothing comes after it."""
    given = [*(["--analyze"] if analyze else []), *(["--dump-schema"] if dump else [])]
    if given and instead:
        raise UsageError(
            f"{' and '.join(given)} cannot be combined with {instead}",
            hint="They follow an upgrade of one database.",
        )


def wanted(analyze: bool, dump: Path | None) -> "Wanted":
    """What the family is to do; a file that cannot be written is refused before it runs."""
    from dbtool.migrate.afterwards import Wanted

    output.check_writable(dump)
    # env.py may change the directory while it runs.
    place = dump.absolute() if dump is not None else None
    return Wanted(analyze, None if place is None else partial(output.write_schema, place))
