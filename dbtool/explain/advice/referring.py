"""The searches that deleting a row sets off: for rows of other tables that refer to it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dbtool.explain.advice.planner import Asked
from dbtool.explain.plan import Node, Plan
from dbtool.sql.text import quoted

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_KEYS = """
SELECT k.conname AS name, n.nspname AS schema, c.relname AS table,
  (SELECT array_agg(a.attname::text ORDER BY x.place)
   FROM unnest(k.conkey) WITH ORDINALITY AS x(number, place)
   JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.number) AS columns
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace s ON s.oid = r.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND (s.nspname, r.relname) = ($1, $2)
ORDER BY k.conname
"""


async def searches(
    connection: "Connection", asked: Iterable[Asked], plans: Iterable[Plan]
) -> tuple[Asked, ...]:
    """A statement for each foreign key that refers to rows that are deleted.

    No plan shows them: triggers run them, once for each row.
    """
    found: list[Asked] = []
    for each, plan in zip(asked, plans, strict=True):
        for node in plan.nodes:
            if node.kind == "ModifyTable" and node.text("Operation") == "Delete":
                rows = each.weight * max(_deleted(plan, node), 1.0)
                keys = await connection.fetch(_KEYS, node.text("Schema"), node.relation)
                found += [
                    _search(key["schema"], key["table"], key["columns"], rows) for key in keys
                ]
    return tuple(found)


def _deleted(plan: Plan, node: Node) -> float:
    """How many rows are deleted, as far as the planner knows."""
    return next((below.plan_rows for below in plan.children(node)), 1.0)


def _search(schema: str, table: str, columns: Sequence[str], rows: float) -> Asked:
    condition = " AND ".join(
        f"{quoted(column)} = ${place}" for place, column in enumerate(columns, 1)
    )
    text = f"SELECT 1 FROM {quoted(schema)}.{quoted(table)} WHERE {condition}"
    name = f"rows of {table} that refer to a deleted one ({', '.join(columns)})"
    return Asked(text, 1, len(columns), rows, name, caused=True)
