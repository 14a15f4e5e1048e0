"""The schema of a database as pg_dump writes it, the same for the same schema."""

import os
import subprocess
from pathlib import Path

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.scratch.binaries import client

_OPTIONS = ("--schema-only", "--no-owner", "--no-privileges", "--no-password")
_LOCK_WAIT = "--lock-wait-timeout=10s"
_VARYING = (
    "\\restrict ",
    "\\unrestrict ",
    "-- Dumped from database version",
    "-- Dumped by pg_dump version",
    "SET transaction_timeout ",
)
_TOP_ENDS = "SELECT pg_catalog.set_config('search_path'"
_AT_THE_END = 6


def program(connection: SyncConnection) -> Path:
    """The pg_dump for a server; raises UsageError where there is none that knows its version."""
    number: int = connection.fetchval("SELECT current_setting('server_version_num')::int")
    return client("pg_dump", number // 10_000)


def schema(target: Target, pg_dump: Path) -> str:
    """The schema as SQL, without owners and grants, which differ from server to server."""
    environment = target.libpq_environment(os.environ)
    environment |= {"PGCLIENTENCODING": "UTF8", "LC_ALL": "C"}
    ran = subprocess.run(
        [pg_dump, *_OPTIONS, _LOCK_WAIT],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if ran.returncode != 0:
        raise OperationError(
            f"the schema of {target.shown} could not be written: pg_dump failed",
            detail=f"{ran.stderr.strip()}\nThe upgrade itself is done.",
            hint="Once that is put right, the same command writes the schema; nothing runs twice.",
        )
    return _steady(ran.stdout)


def _steady(text: str) -> str:
    """Without what differs from run to run and version to version; bodies stay untouched."""
    lines = text.splitlines()
    top = next((n for n, line in enumerate(lines) if line.startswith(_TOP_ENDS)), 0)
    end = len(lines) - _AT_THE_END
    kept: list[str] = []
    for number, line in enumerate(lines):
        is_frame = number < top or number >= end
        if is_frame and (line.startswith(_VARYING) or (not line and kept and not kept[-1])):
            continue
        kept.append(line)
    return "\n".join(kept).strip("\n") + "\n"
