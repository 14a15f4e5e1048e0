"""Find the functions that planning a statement may run, also those that its text does not name."""

from typing import TYPE_CHECKING

from dbtool.explain import facts, safety
from dbtool.explain.facts import FunctionFacts
from dbtool.explain.reach import Mentioned, mentioned_in
from dbtool.sql.classify import Traits
from dbtool.sql.text import quoted

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_BEHIND = r"""
WITH RECURSIVE relation(oid) AS (
  SELECT to_regclass(name)::oid FROM unnest($1::text[]) name WHERE to_regclass(name) IS NOT NULL
  UNION
  SELECT next.oid FROM relation r CROSS JOIN LATERAL (
    SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = r.oid
    UNION ALL
    SELECT d.refobjid FROM (
      SELECT 'pg_rewrite'::regclass, w.oid FROM pg_rewrite w WHERE w.ev_class = r.oid
      UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p WHERE p.polrelid = r.oid
    ) rule(kind, oid)
    JOIN pg_depend d ON d.classid = rule.kind AND d.objid = rule.oid
    WHERE d.refclassid = 'pg_class'::regclass
  ) next(oid)
), part(kind, oid) AS (
  SELECT 'pg_class'::regclass, r.oid FROM relation r
  UNION ALL SELECT 'pg_class'::regclass, i.indexrelid
    FROM relation r JOIN pg_index i ON i.indrelid = r.oid
    WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
  UNION ALL SELECT 'pg_rewrite'::regclass, w.oid
    FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid
  UNION ALL SELECT 'pg_policy'::regclass, p.oid
    FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
  UNION ALL SELECT 'pg_constraint'::regclass, c.oid
    FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid WHERE c.contype = 'c'
  UNION ALL SELECT 'pg_attrdef'::regclass, a.oid
    FROM relation r JOIN pg_attrdef a ON a.adrelid = r.oid
  UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid
    FROM relation r JOIN pg_statistic_ext s ON s.stxrelid = r.oid
), target(oid) AS (
  SELECT a.atttypid FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid
  UNION
  SELECT unnest(ARRAY[y.typbasetype, y.typelem]) FROM target t JOIN pg_type y ON y.oid = t.oid
), used AS (
  SELECT d.refclassid, d.refobjid FROM part p
  JOIN pg_depend d ON d.classid = p.kind AND d.objid = p.oid
  WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
)
SELECT coalesce(array_agg(p.oid), '{}')::oid[] FROM (
  SELECT u.refobjid FROM used u WHERE u.refclassid = 'pg_proc'::regclass
  UNION SELECT o.oprcode FROM used u JOIN pg_operator o ON o.oid = u.refobjid
    WHERE u.refclassid = 'pg_operator'::regclass
  UNION SELECT p.oid FROM pg_proc p WHERE p.proname = ANY ($2::text[])
  UNION SELECT o.oprcode FROM pg_operator o
    WHERE o.oprname = ANY ($3::text[]) AND o.oprnamespace <> 'pg_catalog'::regnamespace
  UNION SELECT k.castfunc FROM pg_cast k JOIN pg_type y ON y.oid = k.casttarget
    WHERE k.castfunc <> 0 AND (k.castcontext = 'i' OR y.typname = ANY ($4::text[])
      OR k.castcontext = 'a' AND k.casttarget IN (SELECT t.oid FROM target t))
) named(oid)
JOIN pg_proc p USING (oid) JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname NOT IN ('internal', 'c') OR p.proname ~ '^(table|schema|database)_to_xml'
"""
"""Functions of users that a planner meets: named, or behind a view, a policy, a default, a check,
an expression of an index or of statistics, an operator, a cast. Only built-in ones and those in C
are left out: the server keeps no note of where it uses the former, and the latter show no body.
"""


async def behind(connection: "Connection", text: str, found: Traits) -> tuple[int, ...]:
    """The functions of users in a statement and behind what it names, by their numbers."""
    uses = mentioned_in(text)
    names = sorted(spellings(found))
    functions = sorted(safety.unfamiliar(found.functions))
    lists = (names, functions, sorted(uses.operators), sorted(uses.types))
    return tuple(await connection.fetchval(_BEHIND, *lists))


def spellings(found: Traits) -> frozenset[str]:
    """The names of what a statement reads, in quotes."""
    return frozenset(name for each in found.relations for name in _spellings(each))


def _spellings(relation: str) -> set[str]:
    """A name in quotes; whether a dot is part of it or parts it cannot be told any more."""
    schema, dot, name = relation.partition(".")
    return {quoted(relation), f"{quoted(schema)}.{quoted(name)}"} if dot else {quoted(relation)}


async def run_by_planning(
    connection: "Connection", functions: tuple[int, ...]
) -> tuple[FunctionFacts, ...]:
    """What planning runs of these functions that reaches out of its transaction."""
    if not functions:
        return ()
    known = await facts.read(connection, (), Mentioned(known=functions))
    return safety.run_to_plan(known)
