"""Runs command lines in forks of one warm process, so that each costs no imports.

A line of JSON on stdin names the program, its arguments, where it runs, where its input comes
from and where its output goes; the answer is its exit code, or its process where it runs in the
background. A line that names such a process asks for its exit code: the answer is empty until it
has ended. What runs is the program's own entry point in a process of its own, with its own
environment, directory and file descriptors.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
import traceback
from contextlib import suppress
from typing import Any

TIME_LIMIT = 300
"""Seconds after which a command that hangs is killed; its exit code is then negative."""

ENTRIES = {
    "alembic": "alembic.config",
    "dbtool": "dbtool.cli.app",
    "read-revisions": "tests.projects.revisions",
}
"""The modules whose `main` the programs are."""

COLD = ("dbtool.__main__", "dbtool.example", "dbtool.pytest")
"""What no command imports as its own: it runs, or belongs to the project or to its tests."""

WARM = (
    "_statistics",
    "alembic.autogenerate",
    "alembic.command",
    "alembic.config",
    "asyncpg",
    "encodings.ascii",
    "logging.config",
    "psycopg",
    "pydantic_settings",
    "rich.console",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.ext.asyncio",
    "sqlmodel",
    "typer",
)


def preload() -> None:
    """Import what every command would import again."""
    for name in WARM:
        importlib.import_module(name)
    import_below("dbtool")
    build_commands()
    importlib.import_module("tests.projects.clusters").copy_data_directories()


def import_below(package: str) -> None:
    """Import every module of a package but for what runs as it is imported and the examples."""
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if found.name in COLD:
            continue
        # What cannot be imported fails in the command that uses it.
        with suppress(Exception):
            importlib.import_module(found.name)
            if found.ispkg:
                import_below(found.name)


def build_commands() -> None:
    """Make every command once, which costs typer more than most commands their own work."""
    import typer.main

    from dbtool.cli import program

    typer.main.get_command = functools.cache(typer.main.get_command)
    program.program = functools.cache(program.program)
    tree = program.program()
    context = typer.Context(tree, resilient_parsing=True)
    for name in tree.list_commands(context):
        tree.resolve_command(context, [name])


def enter(job: dict[str, Any]) -> None:
    """Become the process the job describes."""
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    for descriptor, name in ((0, job["in"]), (1, job["out"]), (2, job["err"])):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags), descriptor)
    # As Python does at its start: lines come to a terminal as they are written.
    sys.stdout.reconfigure(line_buffering=os.isatty(1))  # type: ignore[union-attr]
    sys.argv = [job["program"], *job["argv"]]
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in os.environ
    sys.path[0:0] = [os.path.dirname(sys.executable)]


def run(job: dict[str, Any]) -> int:
    """Run the program's entry point to its end."""
    enter(job)
    try:
        importlib.import_module(ENTRIES[job["program"]]).main()
    except SystemExit as stop:
        code = stop.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
        return code & 0xFF if isinstance(code, int) else int(code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def finish(code: int) -> None:
    """Leave as the interpreter does, but do not take apart what the parent made: it is shared."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def serve() -> None:
    """Answer jobs until stdin ends."""
    preload()
    gc.freeze()
    print("warm", flush=True)
    for line in sys.stdin:
        print(answer(json.loads(line)), flush=True)


def answer(job: dict[str, Any]) -> int | str:
    """Do what one line asks for."""
    if "process" in job:
        ended, status = os.waitpid(job["process"], os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else ""
    child = os.fork()
    if child == 0:
        signal.alarm(TIME_LIMIT)
        finish(run(job))
    if job.get("background"):
        return child
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    serve()
