"""Which functions running a plan reaches: named, behind other syntax, or called in a body."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbtool.explain.plan import Plan

_CALL = re.compile(r'(?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))*(?=\()')
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_TYPE = re.compile(r'::((?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))*)')
_CAST = re.compile(r'\bas\s+((?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))*)', re.I)
_QUOTED = re.compile(r"""("(?:[^"]|"")*")|'(?:[^']|'')*'""")
"""A name in quotes, which is kept, or a literal: what looks like a call in there is none."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Names that a plan's expressions use, without their schemas.

    `known` are functions' oids, `views` names of what is read without being in the plan, as in SQL.
    """

    functions: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    known: tuple[int, ...] = ()
    views: frozenset[str] = frozenset()


def mentioned(plan: Plan, functions: Iterable[str] = ()) -> Mentioned:
    """What a plan uses, also what views and policies brought in; `functions` are known to be."""
    shown = set(_strings(value for node in plan.nodes for value in node.props.values()))
    read = [_QUOTED.sub(r"\1", each) for each in shown]
    calls = {*functions, *(name for each in read if "(" in each for name in _CALL.findall(each))}
    return Mentioned(
        frozenset(_bare(name) for name in calls),
        frozenset(name for each in read for name in _OPERATOR.findall(each)),
        frozenset(_bare(name) for each in read if "::" in each for name in _TYPE.findall(each)),
    )


def mentioned_in(text: str) -> Mentioned:
    """The operators and the types in a statement's text; some words that are no type as well."""
    read = _QUOTED.sub(r"\1", text)
    names = (*_TYPE.findall(read), *_CAST.findall(read))
    return Mentioned(
        operators=frozenset(_OPERATOR.findall(read)), types=frozenset(map(_bare, names))
    )


def _strings(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, list):
            yield from _strings(value)
        elif isinstance(value, str):
            yield value


def _bare(name: str) -> str:
    return name.rpartition(".")[2].replace('"', "")


_COMMENT = r"""$c$('(?:[^']|'')*'|"(?:[^"]|"")*")|--[^\n\r]*|/\*(?:[^*]|\*+[^*/])*\*+/$c$"""
"""A literal, kept for it may be SQL to run, a name, or a comment: one may hide another."""

_UNTOLD = r"$c$\\'|\$([^[:space:][:digit:]$][^[:space:]$]*)?\$|/\*([^*]|\*+[^*/])*/\*$c$"
"""What puts literals and comments out of step: an escaped quote, dollars, a comment in another."""

_READ = f"""CASE WHEN l.lanname IN ('sql', 'plpgsql') AND source !~ {_UNTOLD}
  THEN regexp_replace(source, {_COMMENT}, '\\1 ', 'g') ELSE source END"""
"""A body without its comments, where it can be told for certain what they are."""

REACHED = r"""
named AS (
  SELECT p.oid FROM pg_proc p WHERE p.proname = ANY ($3::text[])
  UNION SELECT o.oprcode FROM pg_operator o
  WHERE o.oprname = ANY ($4::text[]) AND o.oprnamespace <> 'pg_catalog'::regnamespace
  UNION SELECT k.castfunc FROM pg_cast k JOIN pg_type y ON y.oid = k.casttarget
  JOIN pg_proc p ON p.oid = k.castfunc AND p.pronamespace <> 'pg_catalog'::regnamespace
  WHERE y.typname = ANY ($5::text[]) OR split_part(format_type(y.oid, NULL), ' ', 1) = ANY ($5)
  UNION SELECT d.refobjid FROM pg_type y JOIN pg_constraint c ON c.contypid = y.oid
  JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = c.oid
    AND d.refclassid = 'pg_proc'::regclass
  WHERE y.typname = ANY ($5::text[])
  UNION SELECT unnest($6::oid[])
), reached(oid, is_view, via, planned) AS (
  SELECT p.oid, false, NULL::oid, p.prokind = 'f' AND (p.provolatile <> 'v' OR EXISTS (
    SELECT FROM pg_operator o WHERE o.oprcode = p.oid AND (o.oprrest <> 0 OR o.oprjoin <> 0)))
  FROM named JOIN pg_proc p ON p.oid = named.oid
  UNION SELECT to_regclass(name)::oid, true, NULL, false FROM unnest($8::text[]) name
  WHERE to_regclass(name) IS NOT NULL
  UNION
  SELECT inner_one.oid, inner_one.is_view, coalesce(r.via, CASE WHEN NOT r.is_view THEN r.oid END),
    r.planned OR inner_one.folded
  FROM reached r LEFT JOIN pg_proc p ON p.oid = r.oid AND NOT r.is_view
    AND p.pronamespace <> 'pg_catalog'::regnamespace
  LEFT JOIN pg_language l ON l.oid = p.prolang
  CROSS JOIN LATERAL (
    SELECT CASE WHEN l.lanname NOT IN ('internal', 'c') THEN {read} END
    FROM coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) source
  ) body(text)
  CROSS JOIN LATERAL (
    SELECT f, false, false FROM pg_aggregate a, unnest(ARRAY[a.aggtransfn, a.aggfinalfn,
      a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn,
      a.aggmfinalfn]::oid[]) f
    WHERE a.aggfnoid = p.oid
    UNION
    SELECT q.oid, false, l.lanname = 'sql' AND q.provolatile <> 'v' AND q.prokind = 'f'
    FROM regexp_matches(body.text, '"?([[:alpha:]_][[:alnum:]_$]*)"?\s*\(', 'g') m
    JOIN pg_proc q ON q.proname IN (m[1], lower(m[1]))
    WHERE q.provolatile = 'v' OR q.pronamespace <> 'pg_catalog'::regnamespace
    UNION
    SELECT c.oid, true, false
    FROM regexp_matches(body.text, '(?:\m(?:from|join|only|table)\M|,)[\s(]*'
      '(?:"?[[:alpha:]_][[:alnum:]_$]*"?\s*\.\s*)?"?([[:alpha:]_][[:alnum:]_$]*)', 'gi') m
    JOIN pg_class c ON c.relname IN (m[1], lower(m[1])) AND c.relkind IN ('v', 'f', 'p')
      AND c.relnamespace <> ALL ('{pg_catalog,information_schema}'::regnamespace[])
    UNION
    SELECT i.inhrelid, true, false FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE r.is_view AND i.inhparent = r.oid AND c.relkind IN ('f', 'p')
    UNION
    SELECT coalesce(c.oid, q.oid), c.oid IS NOT NULL, false
    FROM pg_rewrite w CROSS JOIN LATERAL regexp_matches(w.ev_action::text,
      ':(relid|funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') m
    LEFT JOIN pg_class c ON m[1] = 'relid' AND c.oid = m[2]::oid AND c.relkind IN ('v', 'f', 'p')
    LEFT JOIN pg_proc q ON m[1] <> 'relid' AND q.oid = m[2]::oid
      AND (q.provolatile = 'v' OR q.pronamespace <> 'pg_catalog'::regnamespace)
    WHERE r.is_view AND w.ev_class = r.oid AND coalesce(c.oid, q.oid) IS NOT NULL
  ) inner_one(oid, is_view, folded)
), called AS MATERIALIZED (
  SELECT r.via, r.planned, p.* FROM reached r JOIN pg_proc p ON p.oid = r.oid AND NOT r.is_view
), functions AS (
  SELECT n.nspname AS schema, p.proname AS name, bool_and(l.lanpltrusted) AS trusted,
    coalesce(min(vn.nspname || '.' || v.proname), '') AS via,
    coalesce(e.extname, '') AS extension, bool_or(x.copies) AS copies,
    bool_or(p.planned) AS planned, '' AS program
  FROM called p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
  LEFT JOIN pg_proc v ON v.oid = p.via
  LEFT JOIN pg_namespace vn ON vn.oid = v.pronamespace
  LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
  CROSS JOIN LATERAL (SELECT l.lanname NOT IN ('internal', 'c')
    AND {read} ~* '\mcopy\M[^;]*\m(to|(to|from)\s+program)\s*(''|\$\D|%[sL\d])' AS copies
    FROM (VALUES (p.prosrc)) body(source)) x
  WHERE p.provolatile = 'v' OR x.copies OR p.proname ~ '^(table|schema|database)_to_xml'
  GROUP BY n.nspname, p.proname, e.extname, p.via IS NULL
  UNION ALL
  SELECT n.nspname, c.relname, true, coalesce(min(vn.nspname || '.' || v.proname), ''), '', true,
    bool_or(r.planned), o.option_value
  FROM reached r
  JOIN pg_foreign_table t ON r.is_view AND t.ftrelid = r.oid
  CROSS JOIN LATERAL pg_options_to_table(t.ftoptions) o
  JOIN pg_class c ON c.oid = r.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_proc v ON v.oid = r.via
  LEFT JOIN pg_namespace vn ON vn.oid = v.pronamespace
  WHERE o.option_name = 'program'
  GROUP BY n.nspname, c.relname, o.option_value, r.via IS NULL
)
""".replace("{read}", _READ)
"""Common table expressions: each volatile function reached, `via` which one, where in a body.

What a body calls is told by its words, which may speak of more than is run. An operator, a cast
or a domain's check shows in no plan as the function it is; nor do the parts of an aggregate.
Bodies are read of what is called alone, whatever a planner expects: a database may have thousands.
A body in SQL may be put in the place of its call, and what it calls be run by the planner; so are
operators, to see how many of a column's common values they are true of.
A view is in no plan where a body reads it; what it calls is in its rule, by number. Nor is a
foreign table, which may run a program: it counts as a function that does.
What reads whole tables into XML is STABLE, and runs the functions of any view among them.
"""
