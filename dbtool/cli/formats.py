"""Which format a report is written in, and what each needs to know of its surroundings."""

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dbtool.cli import output
from dbtool.cli.output import Format
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.report import Report


def write_report(report: "Report", wanted: Format, path: Path | None) -> None:
    """Write a report in a format, to a file or to stdout."""
    output.write(_render(report, wanted, to_file=path is not None), path)
    if wanted is Format.GITHUB and (summary := os.environ.get("GITHUB_STEP_SUMMARY")):
        from dbtool.render.markdown import render as as_markdown

        with suppress(OSError), open(summary, "a", encoding="utf-8") as page:
            page.write(as_markdown(report))


def _render(report: "Report", wanted: Format, *, to_file: bool) -> str:
    match wanted:
        case Format.JSON:
            from dbtool.render.json import render as as_json

            return as_json(report)
        case Format.MARKDOWN | Format.HTML:
            return _as_page(report, wanted)
        case Format.GITHUB:
            from dbtool.render.github import render as as_github

            return as_github(report, _workspace())
        case Format.GITLAB:
            from dbtool.render.gitlab import render as as_gitlab

            return as_gitlab(report)
        case Format.SARIF:
            from dbtool.render.sarif import render as as_sarif

            return as_sarif(report)
        case Format.JUNIT:
            from dbtool.render.junit import render as as_junit

            return as_junit(report)
        case Format.NAGIOS:
            from dbtool.render.nagios import render as as_nagios

            return as_nagios(report)
        case Format.PROMETHEUS:
            from dbtool.render.prometheus import render as as_prometheus

            return as_prometheus(report)
        case Format.TERMINAL | Format.RAW:
            people = wanted is Format.TERMINAL
            return for_people(report, to_file=to_file) if people else _as_printed(report)


def _as_printed(report: "Report") -> str:
    if not report.raw:
        raise UsageError(
            "there is nothing here that a server printed",
            hint="--format raw is for explain with a statement; a saved plan is its own file.",
        )
    return report.raw.rstrip("\n") + "\n"


def _as_page(report: "Report", wanted: Format) -> str:
    if wanted is Format.HTML:
        from dbtool.render.html import render as as_html

        return as_html(report)
    from dbtool.render.markdown import render as as_markdown

    return as_markdown(report)


def for_people(report: "Report", *, to_file: bool = False) -> str:
    """The report as text, as wide as the reader's screen."""
    from dbtool.render.screen import PAPER, Screen
    from dbtool.render.terminal import render as as_terminal

    if to_file:
        return as_terminal(report, PAPER)
    screen = Screen(output.width(), color=output.wants_color(), drawing=output.draws())
    text = as_terminal(report, screen)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from dbtool.render.github import annotations

        text = annotations(report, _workspace()) + text
    return text


def _workspace() -> str:
    return os.environ.get("GITHUB_WORKSPACE", "")
