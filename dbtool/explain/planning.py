"""Find the functions that planning a statement may run, also those that its text does not name."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import postgast
from postgast import pg_query_pb2 as pb

from dbtool.explain import facts, safety
from dbtool.explain.facts import FunctionFacts
from dbtool.explain.implicit import IMPLIED
from dbtool.explain.mentions import Mentioned, endings
from dbtool.sql.classify import Traits, unquoted
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
      SELECT 'pg_rewrite'::regclass, w.oid FROM pg_rewrite w
      JOIN pg_class c ON c.oid = w.ev_class AND c.relkind <> 'm'
      WHERE w.ev_class = r.oid
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
    JOIN pg_class c ON c.oid = w.ev_class AND c.relkind <> 'm'
  UNION ALL SELECT 'pg_policy'::regclass, p.oid
    FROM relation r JOIN pg_policy p ON p.polrelid = r.oid
  UNION ALL SELECT 'pg_constraint'::regclass, c.oid
    FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid WHERE c.contype = 'c'
  UNION ALL SELECT 'pg_attrdef'::regclass, a.oid
    FROM relation r JOIN pg_attrdef a ON a.adrelid = r.oid
  UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid
    FROM relation r JOIN pg_statistic_ext s ON s.stxrelid = r.oid
), used AS (
  SELECT ref.* FROM part p CROSS JOIN LATERAL (
    SELECT d.refclassid, d.refobjid FROM pg_depend d WHERE d.classid = p.kind AND d.objid = p.oid
    AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass) OFFSET 0
  ) ref
), named(oid) AS (
  SELECT p.oid FROM pg_proc p WHERE p.proname = ANY ($2::text[])
    AND (p.oid >= 16384 OR {to_xml})
  UNION SELECT p.oid FROM pg_proc p WHERE p.proname = ANY ($6::text[])
    AND p.oid >= 16384
    AND p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1
), operator AS (
  SELECT alike.oprcode, o.oprleft, o.oprright FROM pg_operator o
  JOIN pg_operator alike ON alike.oid IN (o.oid, o.oprcom, o.oprnegate)
  WHERE o.oprname = ANY ($3::text[]) AND o.oid >= 16384
), target(oid) AS (
  SELECT a.atttypid FROM relation r CROSS JOIN LATERAL (
    SELECT atttypid FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0 OFFSET 0) a
  UNION SELECT y.oid FROM pg_type y WHERE y.typname = ANY ($4::text[])
  UNION SELECT u.refobjid FROM used u WHERE u.refclassid = 'pg_type'::regclass
  UNION SELECT unnest(ARRAY[o.oprleft, o.oprright]) FROM operator o
  UNION SELECT unnest(p.proargtypes::oid[] || p.prorettype) FROM pg_proc p WHERE p.oid IN (
    SELECT n.oid FROM named n
    UNION ALL SELECT u.refobjid FROM used u WHERE u.refclassid = 'pg_proc'::regclass)
  UNION
  SELECT inside.oid FROM target t
  CROSS JOIN LATERAL (SELECT * FROM pg_type WHERE pg_type.oid = t.oid OFFSET 0) y
  CROSS JOIN LATERAL (
    SELECT unnest(ARRAY[y.typbasetype, y.typelem])
    UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = y.typrelid AND a.attnum > 0
    UNION ALL SELECT unnest(ARRAY[g.rngsubtype, g.rngtypid]) FROM pg_range g
    WHERE y.oid IN (g.rngtypid, g.rngmultitypid)
  ) inside(oid) WHERE inside.oid <> 0
), typed(oid) AS (
  SELECT m[1]::oid FROM target t
    CROSS JOIN LATERAL (SELECT conbin FROM pg_constraint WHERE contypid = t.oid OFFSET 0) c
    CROSS JOIN LATERAL regexp_matches(c.conbin::text, ':(?:funcid|opfuncid) (\d+)', 'g') m
  UNION SELECT unnest(ARRAY[g.rngsubdiff, g.rngcanonical]::oid[])
    FROM target t JOIN pg_range g ON g.rngtypid = t.oid
  UNION SELECT f.oid FROM target t JOIN pg_opclass o ON o.opcintype = t.oid
    AND o.oid >= 16384
    AND o.opcmethod IN (SELECT m.oid FROM pg_am m WHERE m.amname IN ('btree', 'hash'))
    CROSS JOIN LATERAL (
      SELECT a.amproc FROM pg_amproc a WHERE a.amprocfamily = o.opcfamily
      UNION ALL SELECT w.oprcode FROM pg_amop a JOIN pg_operator w ON w.oid = a.amopopr
      WHERE a.amopfamily = o.opcfamily) f(oid)
), conversion(oid, hidden) AS (
  SELECT k.castfunc, k.castcontext <> 'e' AND k.casttarget IN (SELECT t.oid FROM target t)
  FROM pg_cast k JOIN pg_proc p ON p.oid = k.castfunc
    AND p.oid >= 16384
  WHERE k.casttarget IN (SELECT t.oid FROM target t)
    OR k.castsource >= 16384 AND k.castsource IN (SELECT t.oid FROM target t)
    OR split_part(format_type(k.casttarget, NULL), ' ', 1) = ANY ($4::text[])
), met AS (
  SELECT u.refobjid FROM used u WHERE u.refclassid = 'pg_proc'::regclass
  UNION SELECT alike.oprcode FROM used u JOIN pg_operator o ON o.oid = u.refobjid
    JOIN pg_operator alike ON alike.oid IN (o.oid, o.oprcom, o.oprnegate)
    WHERE u.refclassid = 'pg_operator'::regclass
  UNION SELECT n.oid FROM named n
  UNION SELECT m[1]::oid FROM relation r JOIN pg_rewrite w ON w.ev_class = r.oid
    JOIN pg_class c ON c.oid = w.ev_class AND c.relkind <> 'm'
    CROSS JOIN LATERAL regexp_matches(w.ev_action::text, ':funcid (29[23]\d)\M', 'g') m
  UNION SELECT o.oprcode FROM operator o
  UNION SELECT o.oprcode FROM pg_operator o JOIN target t ON t.oid IN (o.oprleft, o.oprright)
    WHERE o.oprname = ANY ($5::text[]) AND o.oid >= 16384
  UNION SELECT c.oid FROM conversion c
), told(kind, oid) AS (
  SELECT 'met', * FROM met
  UNION ALL SELECT 'typed', * FROM typed
  UNION ALL SELECT 'hidden', c.oid FROM conversion c WHERE c.hidden
)
SELECT coalesce(array_agg(p.oid) FILTER (WHERE kind = 'met'), '{}')::oid[] AS met,
  coalesce(array_agg(p.oid) FILTER (WHERE kind = 'typed'), '{}')::oid[] AS typed,
  coalesce(array_agg(p.oid) FILTER (
    WHERE kind = 'hidden' OR kind = 'typed' AND NOT l.lanpltrusted), '{}')::oid[] AS hidden,
  ARRAY(SELECT c.relname::text FROM relation r
    JOIN pg_foreign_table f ON f.ftrelid = r.oid
    JOIN pg_foreign_server s ON s.oid = f.ftserver
    JOIN pg_class c ON c.oid = r.oid
    WHERE lower(coalesce(
      (SELECT option_value FROM pg_options_to_table(f.ftoptions)
        WHERE option_name = 'use_remote_estimate'),
      (SELECT option_value FROM pg_options_to_table(s.srvoptions)
        WHERE option_name = 'use_remote_estimate'))) NOT IN ('false', 'off', '0')
    ORDER BY c.relname) AS elsewhere
FROM told CROSS JOIN LATERAL (SELECT * FROM pg_proc WHERE pg_proc.oid = told.oid OFFSET 0) p
JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname NOT IN ('internal', 'c') OR kind = 'typed' AND p.provolatile = 'v' OR {to_xml}
""".replace("{to_xml}", "p.proname ~ '^(table|schema|database)_to_xml'")
"""Functions of users that a planner meets: named, or behind a view, a policy, a default, a check,
an expression of an index or of statistics, an operator, a cast, a type. Only built-in ones and
those in C are left out: the server keeps no note of where it uses the former, and the latter show
no body. What fills a materialized view is not run by reading it.
Types numbered from 16384 on are those of users. Of their operator classes those
that sort and hash are looked at: what other kinds of index call is in C.
"""

_TAKES_TYPES = frozenset(["pg_input_is_valid", "pg_input_error_info"])
"""Functions that make a value of a type whose name they are given."""

_SYMBOLS = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_SPELLED_BY_NUMBER = re.compile(r'u&"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Behind:
    """Functions of users behind a statement, by their numbers.

    Planning may run those `met`, and those `typed` whatever they say of themselves: they check
    or compare the values of a type. Casts, and checks in languages that are not trusted, are
    `hidden`: they show in no plan. `elsewhere` are foreign tables, about which the server asks
    another one to plan the statement.
    """

    met: tuple[int, ...] = ()
    typed: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    elsewhere: tuple[str, ...] = ()


async def behind(connection: "Connection", text: str, found: Traits) -> Behind:
    """The functions of users in a statement and behind what it names."""
    words, dotted, operators = _scanned(text)
    if found.exact and _SPELLED_BY_NUMBER.search(text):
        spelled = _spelled(text)
        words, dotted = words | spelled, dotted | spelled
    # Where the parser gives up any word may be the name of a table.
    names = spellings(found) if found.exact else frozenset(map(quoted, words))
    functions = {name for each in found.functions for name in endings(each)}
    if not _TAKES_TYPES.isdisjoint(functions):
        words.update(re.findall(r"\w+", text))
    lists = (names, functions, operators, words, IMPLIED, dotted)
    row = await connection.fetchrow(_BEHIND, *map(sorted, lists))
    return Behind(*(tuple(row[each]) for each in ("met", "typed", "hidden", "elsewhere")))


def _scanned(text: str) -> tuple[set[str], set[str], set[str]]:
    """The words of a statement, any of which may be a type, those behind a dot, its operators.

    Behind a dot a word may be a function of what is before it, written as a column.
    """
    words: set[str] = set()
    dotted: set[str] = set()
    operators: set[str] = set()
    encoded, before = text.encode(), 0
    for token in postgast.scan(text).tokens:
        if token.token in (pb.SQL_COMMENT, pb.C_COMMENT):
            continue
        written = encoded[token.start : token.end].decode()
        if token.token == pb.IDENT or token.keyword_kind:
            words.add(unquoted(written))
            if before == pb.ASCII_46:
                dotted.add(unquoted(written))
        elif _SYMBOLS.fullmatch(written):
            operators.add(written)
        before = token.token
    return words, dotted, operators


def _spelled(text: str) -> set[str]:
    """All names as the parser reads them."""
    tree = postgast.parse(text)
    return {each.sval for _, each in postgast.walk(tree) if isinstance(each, pb.String)}


def spellings(found: Traits) -> frozenset[str]:
    """The names of what a statement reads, in quotes."""
    return frozenset(name for each in found.relations for name in _spellings(each))


def _spellings(relation: str) -> set[str]:
    """A name in quotes; whether a dot is part of it or parts it cannot be told any more."""
    splits = {
        f"{quoted(relation[: dot.start()])}.{quoted(relation[dot.end() :])}"
        for dot in re.finditer(r"(?<=.)\.(?=.)", relation, re.DOTALL)
    }
    return {quoted(relation), *splits}


async def run_by_planning(connection: "Connection", found: Behind) -> tuple[FunctionFacts, ...]:
    """What planning runs of these functions that reaches out of its transaction."""
    if not (found.met or found.typed):
        return ()
    known = await facts.read(connection, (), Mentioned(known=found.met, typed=found.typed))
    return safety.run_to_plan(known)
