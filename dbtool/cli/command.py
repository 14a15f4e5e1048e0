"""How a function becomes a command: shared options, one error boundary, one exit."""

import functools
import inspect
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from dbtool.cli import output
from dbtool.cli.options import OUTPUT, Options, Share, merge, split
from dbtool.errors import DbtoolError, Interrupted
from dbtool.report import FailOn, Report, exit_code

if TYPE_CHECKING:
    from dbtool.database import Target
    from dbtool.settings import Settings


class Call:
    """One invocation of a command: its shared options and, on demand, the settings."""

    def __init__(self, command: str, options: Options) -> None:
        self.command = command
        self.options = options
        self.progress = output.TerminalProgress()
        self.ask = output.TerminalAsk()

    @cached_property
    def settings(self) -> "Settings":
        """The settings of the project around the current directory."""
        from dbtool.settings import load

        return load(self.options.url, self.options.env, self.options.config)

    @cached_property
    def target(self) -> "Target":
        """The database the user named; raises UsageError when none is."""
        return self.settings.target()

    @property
    def fail_on(self) -> FailOn:
        """The least severity that makes this command exit 1."""
        return self.options.fail_on or FailOn.ERROR

    def emit(self, report: Report) -> None:
        """Write one report."""
        output.write(output.render(report, self.options), self.options.output)


Body = Callable[..., Report | None]


def command(
    app: typer.Typer, panel: str, *shares: Share, name: str | None = None, hidden: bool = False
) -> Callable[[Body], Body]:
    """Register a function `(call, ...) -> Report` as a command with the shared options."""

    def register(body: Body) -> Body:
        title = name or body.__name__.replace("_", "-")

        @functools.wraps(body)
        def run(ctx: typer.Context, **values: Any) -> None:
            inner, own = split(values)
            outer = ctx.find_root().obj
            options = merge(outer, inner) if isinstance(outer, Options) else inner
            full_name = " ".join(ctx.command_path.split()[1:])
            raise typer.Exit(_execute(Call(full_name, options), body, own))

        _give_signature(run, body, (*shares, OUTPUT))
        app.command(title, rich_help_panel=panel, hidden=hidden)(run)
        return body

    return register


def _give_signature(run: Callable[..., None], body: Body, shares: tuple[Share, ...]) -> None:
    _, *own = inspect.signature(body, eval_str=True).parameters.values()
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    own_options = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    parameters = [context, *own_options, *(each for share in shares for each in share)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}


def _execute(call: Call, body: Body, own: dict[str, Any]) -> int:
    try:
        report = body(call, **own)
        if report is None:
            return 0
        call.emit(report)
        return exit_code(report, call.fail_on)
    except DbtoolError as error:
        return output.fail(call.command, error, call.options)
    except KeyboardInterrupt:
        return output.fail(call.command, Interrupted("interrupted"), call.options)
