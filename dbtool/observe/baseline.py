"""A database as it is somewhere else: read its schema there, and build it here.

The file is what pg_dump writes, or any script of SQL. Its lines for psql are not obeyed, since
those can run programs, and rows are not loaded but those that say which revision it stands at.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.observe.session import Observer
from dbtool.scratch.binaries import client
from dbtool.sql.names import identifier
from dbtool.sql.script import Piece, Role, split
from dbtool.statement import Statement

VERSION_TABLE = "alembic_version"
_LOCK_WAIT = "2s"
_BENIGN_LINES = re.compile(r"\\(?:restrict|unrestrict|echo|pset|set|unset|timing|encoding)\b")
_SETTING = re.compile(r"(?:SET\s|SELECT\s+pg_catalog\.set_config\()", re.I)
_COPY = re.compile(r"COPY\s+(?P<table>\S+)\s*(?:\([^)]*\))?\s+FROM\s+stdin", re.I)
_SCHEMA = re.compile(r"CREATE\s+SCHEMA\s+public\b", re.I)
_UNKNOWN_SETTING = "42704"


@dataclass(frozen=True, slots=True)
class Baseline:
    """SQL that builds the schema to begin with; `name` is how to call it in messages."""

    name: str
    sql: str


def from_file(path: Path) -> Baseline:
    """The schema that a file builds."""
    try:
        return Baseline(str(path), path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}", detail=str(error)) from error


def dump(target: Target, version_table: str = VERSION_TABLE) -> Baseline:
    """Read the schema of a database with pg_dump, and the revision it stands at.

    It takes the locks of a SELECT, and gives up where a table is locked for longer than 2 s.
    """
    with SyncConnection(target, read_only=True) as connection:
        major = int(connection.connection.get_server_version().major)
        versions = _revisions(connection, version_table)
    program = client("pg_dump", major)
    ran = subprocess.run(
        [
            str(program),
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            "--no-password",
            f"--lock-wait-timeout={_LOCK_WAIT}",
        ],
        env=target.libpq_environment(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode != 0:
        raise OperationError(
            f"cannot read the schema of {target.shown}",
            detail=ran.stderr.strip(),
            hint="A role that may read every table can; or give a file that pg_dump -s wrote.",
        )
    rows = "".join(f"INSERT INTO {table} VALUES ({_literal(row)});\n" for table, row in versions)
    return Baseline(target.shown, ran.stdout + "\n" + rows)


def load(target: Target, baseline: Baseline, version_table: str = VERSION_TABLE) -> None:
    """Build the schema in an empty scratch database; raises where a statement fails."""
    pieces = split(baseline.sql)
    statements = tuple(_statements(pieces, baseline.name, version_table))
    with Observer(target) as observer:
        while failed := observer.replay(statements):
            assert failed.failure is not None
            if not _tolerated(failed.statement.sql, failed.failure.sqlstate):
                raise OperationError(
                    f"{baseline.name} cannot be loaded in a throwaway database",
                    detail=f"line {failed.statement.line}: {failed.failure.message}",
                    hint="What pg_dump -s writes of the database can.",
                )
            statements = statements[statements.index(failed.statement) + 1 :]


def standing(target: Target, version_table: str = VERSION_TABLE) -> tuple[str, ...]:
    """The revisions that a database says it stands at; none where it has no such table."""
    with SyncConnection(target, read_only=True) as connection:
        return tuple(row for _, row in _revisions(connection, version_table))


def _revisions(connection: SyncConnection, version_table: str) -> list[tuple[str, str]]:
    found = connection.fetch(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relname = $1 AND c.relkind = 'r'",
        version_table,
    )
    tables = [f"{identifier(schema)}.{identifier(name)}" for schema, name in found]
    return [
        (table, row[0])
        for table in tables
        for row in connection.fetch(f"SELECT version_num FROM {table} ORDER BY 1")
    ]


def _tolerated(sql: str, sqlstate: str) -> bool:
    """What differs between servers and says nothing of the schema."""
    if _SETTING.match(sql):
        return sqlstate == _UNKNOWN_SETTING
    return bool(_SCHEMA.match(sql)) and sqlstate == "42P06"


def _statements(pieces: tuple[Piece, ...], name: str, version_table: str) -> list[Statement]:
    found: list[Statement] = []
    copied = ""
    for piece in pieces:
        match piece.role:
            case Role.STATEMENT:
                copying = _COPY.match(piece.text)
                copied = copying["table"] if copying else ""
                if not copying:
                    found.append(Statement(piece.text, name, piece.line))
            case Role.DATA if _names(copied, version_table):
                rows = [line for line in piece.source.splitlines() if line and line != "\\."]
                found += [
                    Statement(f"INSERT INTO {copied} VALUES ({_literal(row)})", name, piece.line)
                    for row in rows
                ]
            case Role.META if not _BENIGN_LINES.match(piece.text):
                raise OperationError(
                    f"{name} cannot be loaded in a throwaway database",
                    detail=f"line {piece.line} is for psql: {piece.text.splitlines()[0]}",
                    hint="What pg_dump -s writes of the database can.",
                )
    return found


def _names(written: str, table: str) -> bool:
    return written.rpartition(".")[2].strip('"') == table


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
