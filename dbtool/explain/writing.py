"""What a rollback leaves behind when a statement that writes was run to be measured."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbtool.explain.mentions import mentioned
from dbtool.explain.plan import Node, Plan
from dbtool.report import listed

if TYPE_CHECKING:
    from dbtool.database.connection import Connection


@dataclass(frozen=True, slots=True)
class TriggerFacts:
    """A trigger the statement may fire, also on tables its foreign keys reach.

    `trusted` tells whether its language is, `mentions` what its code names that no rollback
    undoes, `deferred` that it runs at COMMIT, which never comes.
    """

    table: str
    name: str
    function: str
    trusted: bool
    mentions: tuple[str, ...]
    deferred: bool


@dataclass(frozen=True, slots=True)
class Remains:
    """What stays after the rollback, beyond what every write leaves."""

    tables: tuple[str, ...]
    sequences: bool
    foreign: tuple[str, ...]
    triggers: tuple[TriggerFacts, ...]
    deferred: int

    def told(self) -> Iterator[str]:
        """Sentences for the person who has to agree, the ordinary first."""
        target = listed(self.tables) if self.tables else "the tables"
        yield (
            f"a rollback keeps no row, but {target} may grow by dead rows until the next vacuum,"
            " WAL is written, and statistics count it"
        )
        if self.sequences:
            yield "sequences stay advanced: numbers are skipped"
        if self.foreign:
            yield f"{listed(self.foreign)} is elsewhere: whether it rolls back is up to its wrapper"
        for trigger in self.triggers:
            yield from _of_trigger(trigger)
        if self.deferred:
            yield "deferred constraints and triggers run at COMMIT, so they are not measured"


def _of_trigger(trigger: TriggerFacts) -> Iterator[str]:
    place = f"the trigger {trigger.name} on {trigger.table}"
    if trigger.mentions:
        yield f"{place} names {listed(trigger.mentions)}: what that does may stay"
    elif not trigger.trusted:
        yield f"{place} runs {trigger.function}(), which may reach outside the database"


_REMAINS = r"""
WITH RECURSIVE named AS (
  SELECT c.oid FROM unnest($1::text[], $2::text[]) AS w(schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
), touched AS (
  SELECT oid FROM named
  UNION
  SELECT next.oid FROM touched t CROSS JOIN LATERAL (
    SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = t.oid
    UNION ALL
    SELECT k.conrelid FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = t.oid
      AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
  ) AS next(oid)
)
SELECT json_build_object(
  'foreign', (SELECT coalesce(json_agg(c.relname ORDER BY c.relname), '[]')
    FROM touched t JOIN pg_class c ON c.oid = t.oid WHERE c.relkind = 'f'),
  'deferred', (SELECT count(*) FROM touched t JOIN pg_trigger g ON g.tgrelid = t.oid
    WHERE g.tginitdeferred AND g.tgenabled <> 'D'),
  'triggers', (SELECT coalesce(json_agg(json_build_object(
      'table', c.relname, 'name', g.tgname, 'function', p.proname, 'trusted', l.lanpltrusted,
      'deferred', g.tginitdeferred,
      'mentions', (SELECT coalesce(json_agg(DISTINCT lower(m[1])), '[]') FROM regexp_matches(
        p.prosrc, '\m(dblink\w*|https?_?\w*|pg_(?:try_)?advisory_lock\w*|nextval|setval|pg_file_\w+'
        '|lo_(?:create|import|export|unlink)|pg_terminate_backend|pg_cancel_backend|to\s+program)\M',
        'gi') AS m)
    ) ORDER BY c.relname, g.tgname), '[]')
    FROM touched t JOIN pg_trigger g ON g.tgrelid = t.oid JOIN pg_class c ON c.oid = t.oid
    JOIN pg_proc p ON p.oid = g.tgfoid JOIN pg_language l ON l.oid = p.prolang
    WHERE NOT g.tgisinternal AND g.tgenabled <> 'D')
)::text
"""


async def remains(connection: "Connection", plan: Plan, functions: Iterable[str]) -> Remains:
    """What running a planned statement would leave behind."""
    locks = any(node.kind == "LockRows" for node in plan.nodes)
    tables = sorted(
        {(node.text("Schema"), node.relation) for node in plan.nodes if _writes(node, locks)}
    )
    schemas, names = [schema for schema, _ in tables], [name for _, name in tables]
    found = json.loads(await connection.fetchval(_REMAINS, schemas, names))
    used = mentioned(plan, functions).functions
    return Remains(
        tables=tuple(names),
        sequences="nextval" in used,
        foreign=tuple(found["foreign"]),
        triggers=tuple(
            TriggerFacts(**{**each, "mentions": tuple(each["mentions"])})
            for each in found["triggers"]
        ),
        deferred=found["deferred"],
    )


def _writes(node: Node, locks: bool) -> bool:
    """Whether rows of a node's table are changed; a lock is noted in the row as well."""
    return bool(node.relation) and (locks or node.kind in ("ModifyTable", "Foreign Scan"))
