"""What the commands share that ask or change a database through env.py."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from dbtool.cli.command import Call
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.migrate.project import Project
    from dbtool.migrate.waits import Limits

PANEL = "Migrations"


def complete_revision(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Revision ids with their messages, read from the files without Alembic."""
    from dbtool.migrate.history import revision_ids

    before = ctx.find_root().params
    configs, section = (ctx.params.get(key) or before.get(key) for key in ("configs", "name"))
    known = revision_ids(Path.cwd(), configs, section)
    return [(name, message) for name, message in known if name.startswith(incomplete)]


REVISION = typer.Argument(
    metavar="REVISION",
    help="An id or the beginning of one, head, heads, base, label@head, or relative: +1, -2.",
    autocompletion=complete_revision,
    show_default=False,
)
SQL = typer.Option("--sql", help="Print the SQL instead; nothing is connected to.")
FROM_SCRATCH = typer.Option(
    "--from-scratch", help="With --sql: record what really runs, in a throwaway server."
)
TAG = typer.Option("--tag", metavar="TEXT", help="A word for env.py (get_tag_argument).")
YES = typer.Option("--yes", "-y", help="Run without asking where a yes is enough.")
NAME = typer.Option(
    "--confirm-database",
    metavar="NAME",
    help="Run where the database's name is asked for; of several, NAME,NAME.",
)


def opened(call: Call, *, offline: bool = False) -> "Project":
    """The project around the current directory, and the database named for it."""
    from dbtool.migrate.project import open_project
    from dbtool.migrate.waits import How

    chosen, settings = call.options, call.settings
    named = not offline and settings.has_target()
    target = call.named if named else None
    project = open_project(settings, chosen.configs, chosen.name, chosen.x, target)
    return replace(
        project,
        wait_db=chosen.wait_db or 0.0,
        direct=chosen.direct,
        flags=as_flags(**{"--quiet": chosen.quiet, "--raiseerr": chosen.raiseerr}),
        limits=limits(call),
        resume=How(chosen.resume or How.AUTO),
    )


def limits(call: Call) -> "Limits":
    """How long to wait for other runs and for locks: the options, else the settings."""
    from dbtool.migrate.waits import Limits

    keys, chosen = call.settings.keys, call.options
    wait, timeout, blocking = chosen.wait_lock, chosen.lock_timeout, chosen.max_blocking
    return Limits(
        lock_timeout=float(keys.lock_timeout) if timeout is None else timeout,
        wait_lock=float(keys.wait_lock) if wait is None else wait,
        max_blocking=float(keys.max_blocking) if blocking is None else blocking,
    )


def as_flags(**flags: bool) -> tuple[str, ...]:
    """The flags that were given, as env.py may look for them."""
    return tuple(name for name, value in flags.items() if value)


def checked(revision: str) -> str:
    """A revision, not an option that was let through because another word looks like -1."""
    if revision.startswith("-") and not re.fullmatch(r"-\d+", revision):
        raise UsageError(f"no such option: {revision}")
    return revision
