"""What Alembic's session tells the server: to notice a lost client, and which revision it runs."""

import re

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate import rights
from dbtool.migrate.lock import NOTICE_LOST_CLIENT, WORKER, while_working
from dbtool.migrate.record import Step, Table
from dbtool.migrate.statements import answer

_PLAIN = re.compile(r"[\w.-]+", re.ASCII)

_INTRODUCTION = f"""
    SELECT pg_catalog.pg_backend_pid(), {NOTICE_LOST_CLIENT},
           CASE WHEN pg_catalog.current_setting('client_connection_check_interval') = '0'
                 AND pg_catalog.version() LIKE '%linux%'
           THEN pg_catalog.set_config('client_connection_check_interval', '5s', false) END,
           CASE WHEN pg_catalog.current_setting('application_name') = ''
           THEN pg_catalog.set_config('application_name', '{WORKER}s', false) END
"""


def introduce(connection: DBAPIConnection, table: Table) -> tuple[int, object]:
    """Have the server notice a client that was killed, and others see whose session it is.

    Returns the session's process number, and what keeps it from recording revisions. Through
    the driver, since SQLAlchemy would begin a transaction that autocommit_block() then finds
    open.
    """
    asked = f"{_INTRODUCTION}, {rights.question(table)}, {while_working(table.shown)}"
    said = answer(connection, asked)
    return int(said[0]), said[-2]


def naming(step: Step) -> str:
    """SQL by which others see which revision a session runs; a name of the team's own stays."""
    name = f"{WORKER} {step.revision}" if _PLAIN.fullmatch(step.revision) else f"{WORKER}s"
    return (
        "CASE WHEN pg_catalog.starts_with(pg_catalog.current_setting('application_name'),"
        f" '{WORKER}') THEN pg_catalog.set_config('application_name', '{name}', false)"
        " ELSE 'of its own' END"
    )
