"""How a function becomes a command: shared options, one error boundary, one exit."""

import functools
import gc
import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from dbtool.cli import formats, output
from dbtool.cli.help import HelpCommand
from dbtool.cli.options import JUDGED, OUTPUT
from dbtool.cli.shared import SHARED_NAMES, Options, Share, given, merge, split
from dbtool.errors import ConnectError, DbtoolError, Interrupted, OperationError, UsageError
from dbtool.severity import FailOn

if TYPE_CHECKING:
    from dbtool.database.target import Target
    from dbtool.guard import Permission
    from dbtool.report import Report
    from dbtool.settings.values import Settings


EXPORT = 'export DATABASE_URL="$(dbtool local url)"'
"""What makes the other commands use the project's own server."""


class Call:
    """One invocation of a command: its shared options and, on demand, the settings."""

    def __init__(self, command: str, options: Options, *, judges: bool) -> None:
        self.command = command
        self.options = options
        self._judges = judges
        self.progress = output.TerminalProgress(command, quiet=options.quiet)
        self.ask = output.TerminalAsk()
        self.emitted = False

    @cached_property
    def settings(self) -> "Settings":
        """The settings of the project around the current directory."""
        from dbtool.settings.values import load

        chosen = self.options
        return load(chosen.url, chosen.env, chosen.config, section=chosen.name or "alembic")

    @cached_property
    def named(self) -> "Target":
        """The database the user named; raises UsageError when none is."""
        for note in self.settings.notes:
            self.progress.note(note)
        return self.settings.target()

    @cached_property
    def target(self) -> "Target":
        """The database the user named, once it is up where the user waits for that."""
        target = self.named
        if self.options.wait_db:
            from dbtool.database.waiting import wait_for_server

            wait_for_server(target, self.options.wait_db, self.progress)
        return target

    def permission(self, yes: bool, confirm_database: str | None = None) -> "Permission":
        """What the flags allow, the terminal to ask for the rest, and what the settings mark."""
        from dbtool.guard import Consent, Permission, environment_of

        marks = functools.partial(environment_of, self.settings)
        return Permission(Consent(yes, confirm_database), self.ask, marks)

    @property
    def fail_on(self) -> FailOn:
        """The least severity that makes this command exit 1; the user sets it where it judges."""
        return self.options.fail_on or (self.settings.fail_on if self._judges else FailOn.ERROR)

    def emit(self, report: "Report") -> None:
        """Write one report."""
        formats.write_report(report, self.options.wanted, self.options.output)
        self.emitted = True

    def runs_long(self) -> None:
        """Collect garbage from now on, though seldom: the command may live long enough for it."""
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()


Body = Callable[..., "Report | None"]


def command(
    app: typer.Typer, panel: str, *shares: Share, name: str | None = None, hidden: bool = False
) -> Callable[[Body], Body]:
    """Register a function `(call, ...) -> Report` as a command with the shared options."""

    def register(body: Body) -> Body:
        title = name or body.__name__.replace("_", "-")
        run, page = _runner(body, shares), inspect.getdoc(body)
        app.command(title, cls=HelpCommand, help=page, rich_help_panel=panel, hidden=hidden)(run)
        return body

    return register


def alone(group: typer.Typer, *shares: Share) -> Callable[[Body], Body]:
    """Register what a group does where none of its commands is named, with options of its own.

    Shared options before the command are the command's too; the group's own are not.
    """

    def register(body: Body) -> Body:
        run = _runner(body, shares)

        @functools.wraps(run)
        def run_or_pass_on(ctx: typer.Context, **values: Any) -> None:
            if ctx.invoked_subcommand is None:
                run(ctx=ctx, **values)
            inner, own = split(values)
            if named := [key for key, value in own.items() if value]:
                raise _misplaced(ctx, named)
            root = ctx.find_root()
            root.obj = merge(root.obj, inner) if isinstance(root.obj, Options) else inner

        group.callback(invoke_without_command=True)(run_or_pass_on)
        return body

    return register


def _misplaced(ctx: typer.Context, named: list[str]) -> UsageError:
    group, below = ctx.command_path, f"{ctx.command_path} {ctx.invoked_subcommand}"
    spelled = " and ".join(f"--{key.replace('_', '-')}" for key in named)
    return UsageError(
        f'before "{ctx.invoked_subcommand}" {spelled} would be for "{group}" alone',
        hint=f"Write it behind the command, if that takes it: {below} --help",
    )


def _runner(body: Body, shares: tuple[Share, ...]) -> Callable[..., None]:
    @functools.wraps(body)
    def run(ctx: typer.Context, **values: Any) -> None:
        inner, own = split(values)
        outer = ctx.find_root().obj
        options = merge(outer, inner) if isinstance(outer, Options) else inner
        words = " ".join(ctx.command_path.split()[1:])
        call = Call(words, options, judges=JUDGED in shares)
        unwanted = [text for key, text in given(options).items() if key not in values]
        raise typer.Exit(_execute(call, body, own, unwanted))

    take_parameters(run, body, (*shares, OUTPUT))
    return run


def take_parameters(
    run: Callable[..., Any], body: Callable[..., Any], shares: tuple[Share, ...]
) -> None:
    """Give `run` the parameters of the body but its first, and the shared ones."""
    _, *own = inspect.signature(body).parameters.values()
    if taken := SHARED_NAMES & {each.name for each in own}:
        raise TypeError(f"{body.__name__}: {', '.join(taken)} is the name of a shared option")
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    own_options = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    parameters = [context, *own_options, *(each for share in shares for each in share)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}


def _execute(call: Call, body: Body, own: dict[str, Any], unwanted: list[str]) -> int:
    """Run the command; nothing but its exit code comes out."""
    try:
        _refuse(call, unwanted)
        output.check_writable(call.options.output)
        report = body(call, **own)
        return 0 if report is None else _deliver(call, report)
    except output.ReaderGone:
        return 0
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        call.progress.close()
        return _failed(call, error)


_PRINTS_RAW = "explain"


def _refuse(call: Call, unwanted: list[str]) -> None:
    """Options before the command that it does not take are a mistake, not a wish."""
    if call.options.wanted is output.Format.RAW and call.command != _PRINTS_RAW:
        raise UsageError(f'"dbtool {call.command}" has no raw output')
    if unwanted:
        raise UsageError(
            f'"dbtool {call.command}" takes no {" and no ".join(unwanted)}',
            hint=f"See dbtool {call.command} --help.",
        )


def _deliver(call: Call, report: "Report") -> int:
    """Write the last report; the verdict stands even when nobody reads it to the end."""
    from dbtool.report import exit_code

    call.progress.close()
    code = exit_code(report, call.fail_on) if report.findings or report.unknowns else 0
    if report.error is not None:
        _complete_hint(call, report.error)
    with suppress(output.ReaderGone):
        call.emit(report)
    if report.error is not None:
        return _told(call, report.error)
    if call.options.wanted is output.Format.NAGIOS:
        from dbtool.render.nagios import exit_of

        return exit_of(report, unknown=code == 1 and call.fail_on is FailOn.UNKNOWN)
    return code


def _failed(call: Call, error: BaseException) -> int:
    from dbtool.cli import failing

    wanted, path = call.options.wanted, call.options.output
    if isinstance(error, KeyboardInterrupt):
        error = Interrupted("interrupted")
    elif isinstance(error, SystemExit):
        error = _left(error)
    error = failing.without_directory(error) or failing.ended(error) or error
    if isinstance(error, DbtoolError):
        _complete_hint(call, error)
        if call.options.raiseerr:
            failing.trace(error)
        return failing.fail(call.command, error, wanted, path, behind=call.emitted)
    return failing.fail_as_bug(call.command, error, wanted, path, behind=call.emitted)


def _told(call: Call, error: DbtoolError) -> int:
    """The report that was written tells of a failure too: nothing more goes to stdout or a file."""
    from dbtool.cli import failing

    if call.options.raiseerr:
        failing.trace(error)
    return failing.told(error, call.options.wanted)


def _complete_hint(call: Call, error: DbtoolError) -> None:
    """What only the command line knows of the next step."""
    if isinstance(error, ConnectError) and "dbtool local start" in error.hint:
        error.hint = _hint_of_local(call) or error.hint
    if isinstance(error, UsageError) and error.hint.startswith("Give --url"):
        error.hint = "\n".join((error.hint, *_hint_of_export(call)))
    if isinstance(error, ConnectError) and "createdb" in error.hint:
        error.hint = _hint_of_creating(call) or error.hint


def _hint_of_local(call: Call) -> str:
    """Where nobody listens although the project's own server runs: how to get there."""
    from dbtool.scratch import local

    with suppress(DbtoolError, OSError):
        source = call.settings.target().source
        own = local.status(call.settings.root).target
        if own is None or local.owns(call.settings.root, call.settings.target()):
            return ""
        runs = f"The server of dbtool local runs; {source} names another one."
        if call.options.url or call.options.env:
            return f"{runs} dbtool local url prints its URL."
        return f"{runs}\n{EXPORT}"
    return ""


def _hint_of_export(call: Call) -> tuple[str, ...]:
    """Where no database is named: how to name the project's own server, and how seeds get one."""
    from dbtool.scratch import local

    with suppress(DbtoolError, OSError):
        own = local.status(call.settings.root, ask=True)
        if own.target is not None:
            runs = f"The server of dbtool local runs: {EXPORT}"
            left = "What dbtool demo --keep left is in another database: dbtool local url demo"
            return (runs, left) if "demo" in own.databases else (runs,)
        if own.major is not None:
            return ("The server of dbtool local is stopped: dbtool local start",)
        if call.command.startswith("seed "):
            return ("Where there is no server yet: dbtool local start runs one for development.",)
    return ()


def _hint_of_creating(call: Call) -> str:
    """How to make a database on the project's own server, without its password at hand."""
    import shlex

    from dbtool.scratch import local
    from dbtool.sql.names import identifier

    with suppress(DbtoolError, OSError):
        target = call.settings.target()
        if local.owns(call.settings.root, target):
            words = ("-c", f"CREATE DATABASE {identifier(target.database)}")
            return f"Check the name, or create it: dbtool local psql -- {shlex.join(words)}"
    return ""


def _left(end: SystemExit) -> OperationError:
    """Code of a project that ends the process must not pass for a command that is done."""
    error = OperationError(
        "the project's code ended the process before the command was done",
        detail=f"It raised SystemExit({end.code!r}).",
        hint="Run it again with --raiseerr to see where, and let that code raise an exception.",
    )
    error.__cause__ = end
    return error
