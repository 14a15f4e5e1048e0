"""The program: all commands in help order, the global options, and the way out."""

import gc
import sys
from typing import Annotated

import typer

from dbtool.cli import output
from dbtool.cli.options import Format, Options
from dbtool.errors import UsageError

app = typer.Typer(
    name="dbtool",
    help="Database operations for SQLAlchemy, Alembic and PostgreSQL teams.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    ctx.obj = Options()


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.disable()
    output.leave(_run(sys.argv[1:]))


def _run(argv: list[str]) -> int:
    try:
        return int(app(argv, prog_name="dbtool", standalone_mode=False) or 0)
    except typer.TyperException as error:
        wrong = UsageError(error.format_message(), hint="See dbtool --help.")
        wants_json = "--json" in argv or "--format=json" in argv
        return output.fail("", wrong, Options(format=Format.JSON if wants_json else None))
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        output.quiet_stdout()
        return 0
    except Exception:
        return output.fail_as_bug(argv)
