"""Which tables a statement may write anew: their rows are all of its transaction afterwards."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import postgast
from google.protobuf.message import DecodeError
from postgast import pg_query_pb2 as pb
from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool.migrate.statements import answers
from dbtool.migrate.taking import Name

_OF_ALL_BELOW = (pb.AT_AddColumn, pb.AT_AlterColumnType, pb.AT_SetExpression)
_OF_ITSELF = (pb.AT_SetLogged, pb.AT_SetUnLogged, pb.AT_SetAccessMethod)
_FAMILY = """
    WITH RECURSIVE below (root, oid) AS (
        SELECT v.number, v.number FROM (VALUES {}) v (number, alone)
        UNION
        SELECT b.root, i.inhrelid::pg_catalog.int8
          FROM below b JOIN (VALUES {}) v (number, alone) ON v.number = b.root AND NOT v.alone
          JOIN pg_catalog.pg_inherits i ON i.inhparent = b.oid
    ), above (root, oid) AS (
        SELECT v.number, v.number FROM (VALUES {}) v (number, alone)
        UNION
        SELECT a.root, i.inhparent::pg_catalog.int8
          FROM above a JOIN pg_catalog.pg_inherits i ON i.inhrelid = a.oid
    )
    SELECT root, oid, oid FROM below
    UNION SELECT root, oid, root FROM above WHERE oid <> root
"""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A table that may be written anew; `alone` without those below it."""

    name: Name
    alone: bool = False


def rewritten(statement: str) -> Iterator[Rewritten]:
    """What a statement may write anew."""
    try:
        parsed = postgast.parse(statement)
    except (postgast.PgQueryError, DecodeError):
        return
    for each in parsed.stmts:
        altered = each.stmt.alter_table_stmt
        kinds = {command.alter_table_cmd.subtype for command in altered.cmds}
        name = altered.relation.schemaname, altered.relation.relname
        if not kinds.isdisjoint(_OF_ALL_BELOW):
            yield Rewritten(name)
        elif not kinds.isdisjoint(_OF_ITSELF):
            yield Rewritten(name, alone=True)


def family(
    connection: DBAPIConnection, anew: Mapping[int, Rewritten]
) -> dict[int, set[tuple[int, int, bool]]]:
    """By table: what of its rows is written anew, which is itself or a table below it.

    With each part goes the table that the statement names, and whether that is `alone`.
    """
    values = ", ".join(
        f"({number}::pg_catalog.int8, {each.alone})" for number, each in anew.items()
    )
    found: dict[int, set[tuple[int, int, bool]]] = {}
    for root, oid, part in answers(connection, _FAMILY.replace("{}", values)):
        found.setdefault(oid, set()).add((part, root, anew[root].alone))
    return found
