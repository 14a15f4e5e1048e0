"""Help pages with options and commands under their panels: plain text, drawn at a terminal."""

import inspect
import textwrap
from typing import Any

from typer.core import TyperCommand, TyperGroup

from dbtool.cli import output

Row = tuple[str, str]

_WIDEST = 26
"""A longer name stands on a line of its own instead of pushing all texts aside."""


_WIDEST_PAGE = 100
"""Longer lines are hard to read, however wide the terminal is."""


def page(ctx: Any) -> str:
    """The help page of a command as stdout wants it: in panels at a terminal, else plain."""
    if not (output.draws() and output.wants_color()):
        return f"{ctx.get_help()}\n"
    from dbtool.render.panels import render

    command = ctx.command
    texts = (inspect.cleandoc(text or "") for text in (command.help, command.epilog))
    panels = (_option_panels(ctx), _command_panels(ctx))
    width = min(output.width() or 80, _WIDEST_PAGE)
    return render(command.get_usage(ctx), texts, panels, width)


def _print_page(ctx: Any, _: object, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        output.write(page(ctx))
        ctx.exit()


class _Panels:
    """Lists what typer keeps under `rich_help_panel`, which typer itself does only with rich."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option that prints our page, as any output is printed."""
        option: Any = super().get_help_option(ctx)  # type: ignore[misc]
        option.callback = _print_page
        return option

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write each panel as a titled list."""
        for panels in (_option_panels(ctx), _command_panels(ctx)):
            names = [name for rows in panels.values() for name, _ in rows]
            widest = max((len(name) for name in names if len(name) <= _WIDEST), default=0)
            for title, rows in panels.items():
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(widest), text) for name, text in rows])

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence; whole, since lists wrap it and shells cut it themselves."""
        text: str = super().get_short_help_str(max(limit, 200))  # type: ignore[misc]
        return text


class HelpCommand(_Panels, TyperCommand):
    """A command whose help page is grouped by panel; a word like `-1` is a value to it."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the usage line, the same under every version of typer."""
        arguments = [each for each in self.get_params(ctx) if each.param_type_name == "argument"]
        named = ((each.required, _argument(each)) for each in arguments)
        return ["[OPTIONS]", *(name if required else f"[{name}]" for required, name in named)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `downgrade -1` as Alembic does."""
        ctx.ignore_unknown_options = any(word[1:].isdigit() and word[0] == "-" for word in args)
        return list(super().parse_args(ctx, args))


class HelpGroup(_Panels, TyperGroup):
    """A command group whose help page is grouped by panel."""

    def format_epilog(self, _: Any, formatter: Any) -> None:
        """Write the last paragraph without breaking an option at its hyphens."""
        if self.epilog:
            margin = " " * (formatter.current_indent + formatter.indent_increment)
            lines = textwrap.wrap(
                self.epilog,
                formatter.width,
                initial_indent=margin,
                subsequent_indent=margin,
                break_on_hyphens=False,
            )
            formatter.write("\n" + "".join(f"{line}\n" for line in lines))


def _option_panels(ctx: Any) -> dict[str, list[Row]]:
    panels: dict[str, list[Row]] = {"Arguments": [], "Options": []}
    for parameter in ctx.command.get_params(ctx):
        kind = parameter.param_type_name
        if row := parameter.get_help_record(ctx):
            name, text = row
            shown = _argument(parameter) if kind == "argument" else name
            title = parameter.rich_help_panel or f"{kind.capitalize()}s"
            panels.setdefault(title, []).append((shown, text))
    return {title: rows for title, rows in panels.items() if rows}


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name).upper()
    return name if parameter.nargs == 1 else f"{name}..."


def _command_panels(ctx: Any) -> dict[str, list[Row]]:
    if not isinstance(ctx.command, TyperGroup):
        return {}
    panels: dict[str, list[Row]] = {}
    for name in ctx.command.list_commands(ctx):
        command: Any = ctx.command.get_command(ctx, name)
        if command is not None and not command.hidden:
            rows = panels.setdefault(command.rich_help_panel or "Commands", [])
            rows.append((name, command.get_short_help_str()))
    return panels
