"""Which functions running a plan reaches: named, behind other syntax, or called in a body."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dbtool.explain.plan import Plan
from dbtool.sql.classify import unquoted

_CALL = re.compile(r'(?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))*(?=\()')
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_TYPE = re.compile(r'::((?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))*)')
_PART = re.compile(r'[\w$]+|"(?:[^"]|"")+"')
_QUOTED = re.compile(r"""("(?:[^"]|"")*")|'(?:[^']|'')*'""")
"""A name in quotes, which is kept, or a literal: what looks like a call in there is none."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Names that a plan's expressions use, without their schemas.

    `known` are functions' oids, `typed` of those that run wherever a value of a type is made;
    `views` names of what is read without being in the plan, as in SQL.
    """

    functions: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    known: tuple[int, ...] = ()
    typed: tuple[int, ...] = ()
    views: frozenset[str] = frozenset()


def mentioned(plan: Plan, functions: Iterable[str] = ()) -> Mentioned:
    """What a plan uses, also what views and policies brought in; `functions` are known to be."""
    shown = set(texts(plan))
    read = [_QUOTED.sub(r"\1", each) for each in shown]
    calls = (_bare(name) for each in read if "(" in each for name in _CALL.findall(each))
    return Mentioned(
        frozenset(calls).union(*map(endings, functions)),
        frozenset(name for each in read for name in _OPERATOR.findall(each)),
        frozenset(_bare(name) for each in read if "::" in each for name in _TYPE.findall(each)),
    )


def texts(plan: Plan) -> Iterator[str]:
    """All that a plan says in words, its expressions among them."""
    return _strings(value for node in plan.nodes for value in node.props.values())


def _strings(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, list):
            yield from _strings(value)
        elif isinstance(value, str):
            yield value


def _bare(name: str) -> str:
    """A name in a plan without its schema, as the server keeps it."""
    return unquoted(_PART.findall(name)[-1])


def endings(name: str) -> Iterator[str]:
    """What a name without quotes may be in its schema: a dot parts it, or is a part of it."""
    parts = name.split(".")
    return (".".join(parts[place:]) for place in range(len(parts)))


_COMMENT = r"""$c$('(?:[^']|'')*'|"(?:[^"]|"")*")|--[^\n\r]*|/\*(?:[^*]|\*+[^*/])*\*+/$c$"""
"""A literal, kept for it may be SQL to run, a name, or a comment: one may hide another."""

_UNTOLD = r"$c$\\'|\$([^[:space:][:digit:]$][^[:space:]$]*)?\$|/\*([^*]|\*+[^*/])*/\*$c$"
"""What puts literals and comments out of step: an escaped quote, dollars, a comment in another."""

_READ = f"""CASE WHEN l.lanname IN ('sql', 'plpgsql') AND source !~ {_UNTOLD}
  THEN regexp_replace(source, {_COMMENT}, '\\1 ', 'g') ELSE source END"""
"""A body without its comments, where it can be told for certain what they are."""

_ANY_COMMENT = r"$c$--[^\n\r]*|/\*([^*]|\*+[^*/])*\*+/$c$"
"""Also inside a literal: where that is SQL to run, a comment stands between its words."""

_NAME = r"[\w$\u0080-\uffff]+"
"""A name that needs no quotes; one that does is what stands between two of them.

One with a quote in it is looked for as it is written.
"""

_END = r"(?:;|\m(?:into|using|loop)\M)"

_NESTED = r"(?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*"
"""What a call is handed, with parentheses three deep."""

_CONSTANT = (
    r"(?:'(?:[^']|'')*'|\$\w*\$[^$]*\$\w*\$"
    r"|format\s*\(\s*'(?:[^'%]|''|%%|%(?:\d+\$)?-?\d*(?:L|I(?!\s*\()))*'"
    rf"(?:\s*,{_NESTED})?\))\s*{_END}"
)
"""What EXECUTE runs as it stands: a literal, or one into which only values and names are put.

A name put behind FROM may be that of a view, which is not looked into.
"""

_EXECUTES = (
    r"(?:^|[;\n\r]|\*/|>>|\m(?:begin|then|else|loop|query|in|for)\M)\s*execute\M"
    rf"(?!\s*{_CONSTANT})"
)
_HANDED = _EXECUTES.removesuffix(")") + rf"|\s*\$\d+\s*{_END})"
"""EXECUTE of anything but what stands in the body or is handed to the function."""

_COMPOSES = rf"""l.lanpltrusted AND NOT (p.via IS NULL AND l.lanname = 'plpgsql'
        AND p.proname ~ '^(crosstab\w*|connectby|xpath_table)$' AND {_READ} !~* $c${_HANDED}$c$)
      AND CASE WHEN l.lanname = 'plpgsql' THEN {_READ} ~* $c${_EXECUTES}$c$
      ELSE l.lanname NOT IN ('sql', 'internal', 'c')
        AND source ~* '\m(spi_\w+|execute|prepare)\M' END"""
"""Whether a body runs SQL that it puts together; what a plan hands crosstab is looked at."""

_MOVES = r"'\m(search_path|set\s+((local|session)\s+)?schema)\M'"
"""What a body says that sets the search_path, for whoever called it too."""

_ELSEWHERE = rf"""coalesce(p.prosecdef OR array_to_string(p.proconfig, ' ') LIKE '%search_path=%'
      OR body.text ~* {_MOVES}, false)"""
"""Whether a function, and what it calls, may look for tables by another search_path than ours."""

_OWN_PATH = rf"""(SELECT regexp_split_to_array(replace(substr(each, 13), '"', ''), '\s*,\s*')
      FROM unnest(p.proconfig) each
      WHERE each LIKE 'search_path=%' AND (each = 'search_path=""' OR each !~ '"')
      AND body.text !~* {_MOVES} AND p.prosqlbody IS NULL AND NOT $10)"""
"""The schemas in which a function alone looks for tables, where it was created with them.

A comma may part names in quotes or stand in one, and "$user" is another for each. BEGIN ATOMIC
is written out without the schemas of what we see, whatever the function's own.
"""

_HANDS_OVER = r"""EXISTS (SELECT FROM pg_rewrite w JOIN pg_proc x ON x.proname IN
      ('crosstab', 'crosstab2', 'crosstab3', 'crosstab4', 'connectby', 'xpath_table')
      WHERE w.ev_class = r.oid AND w.ev_action::text ~ (':funcid ' || x.oid || '\M'))"""
"""Whether a view hands SQL to a function, which its rule keeps as bytes."""

_LEADS_ON = "(c.relkind IN ('v', 'f', 'p') OR c.relhassubclass OR c.relrowsecurity)"
"""What is read in more than one place, or runs something: views, parents, what has policies."""

REACHED = (
    r"""
named AS (
  SELECT p.oid FROM pg_proc p WHERE p.proname = ANY ($3::text[])
  UNION SELECT o.oprcode FROM pg_operator o
  WHERE o.oprname = ANY ($4::text[]) AND o.oprnamespace <> 'pg_catalog'::regnamespace
  UNION SELECT k.castfunc FROM pg_cast k JOIN pg_type y ON y.oid = k.casttarget
  JOIN pg_proc p ON p.oid = k.castfunc
    AND (p.provolatile = 'v' OR p.pronamespace <> 'pg_catalog'::regnamespace)
  WHERE y.typname = ANY ($5::text[]) OR split_part(format_type(y.oid, NULL), ' ', 1) = ANY ($5)
  UNION SELECT m[1]::oid FROM pg_type y JOIN pg_constraint c ON c.contypid = y.oid
  CROSS JOIN LATERAL regexp_matches(c.conbin::text, ':(?:funcid|opfuncid) (\d+)', 'g') m
  WHERE y.typname = ANY ($5::text[])
  UNION SELECT unnest($6::oid[] || $9::oid[])
), reached(oid, is_view, via, planned, elsewhere) AS (
  SELECT p.oid, false, NULL::oid, p.oid = ANY ($9) OR p.prokind = 'f' AND NOT p.proretset AND (
    p.provolatile <> 'v' OR EXISTS (SELECT FROM pg_operator o
      WHERE o.oprcode = p.oid AND (o.oprrest <> 0 OR o.oprjoin <> 0))),
    $10::bool OR 'set_config' = ANY ($3::text[])
  FROM named JOIN pg_proc p ON p.oid = named.oid
  UNION SELECT to_regclass(name)::oid, true, NULL, false, false FROM unnest($8::text[]) name
  WHERE to_regclass(name) IS NOT NULL
  UNION
  SELECT inner_one.oid, inner_one.is_view, coalesce(r.via, CASE WHEN NOT r.is_view THEN r.oid END),
    CASE WHEN r.planned THEN true ELSE inner_one.folded END, r.elsewhere OR {elsewhere}
  FROM reached r LEFT JOIN pg_proc p ON p.oid = r.oid AND NOT r.is_view
    AND p.pronamespace <> 'pg_catalog'::regnamespace
  LEFT JOIN pg_language l ON l.oid = p.prolang
  CROSS JOIN LATERAL (
    SELECT CASE WHEN r.is_view THEN CASE WHEN {hands_over} THEN pg_get_viewdef(r.oid) END
      WHEN l.lanname NOT IN ('internal', 'c') THEN concat_ws(' ', {read},
      CASE WHEN p.pronargdefaults > 0 THEN pg_get_function_arguments(p.oid) END) END
    FROM coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) source
  ) kept(text)
  CROSS JOIN LATERAL (SELECT CASE WHEN kept.text ~ '--|/\*'
    THEN concat_ws(' ', kept.text, regexp_replace(kept.text, {comment}, ' ', 'g'))
    ELSE kept.text END) body(text)
  CROSS JOIN LATERAL (SELECT {own_path}) own(path)
  CROSS JOIN LATERAL (
    SELECT f, false, false FROM pg_aggregate a, unnest(ARRAY[a.aggtransfn, a.aggfinalfn,
      a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn,
      a.aggmfinalfn]::oid[]) f
    WHERE a.aggfnoid = p.oid
    UNION
    SELECT q.oid, false, coalesce(l.lanname = 'sql' OR p.pronargdefaults > 0, false)
      AND q.provolatile <> 'v' AND q.prokind = 'f' AND NOT q.proretset
    FROM (
      SELECT m[2], lower(m[2]), to_regnamespace(lower(m[1])), to_regnamespace(quote_ident(m[1]))
      FROM regexp_matches(body.text, '(?:"?({name})"?\s*\.\s*)?"?({name})"?\s*\(', 'g') m
      UNION ALL SELECT piece, piece, NULL, NULL
      FROM regexp_split_to_table(body.text, '"') piece WHERE piece ~ '[^\w$]'
      UNION ALL SELECT o.proname, o.proname, NULL, NULL FROM pg_proc o
      WHERE strpos(body.text, '""') > 0 AND o.proname ~ '"'
        AND strpos(body.text, quote_ident(o.proname)) > 0
    ) call(name, folded, folded_place, place)
    JOIN pg_proc q ON q.proname IN (call.name, call.folded)
      AND (q.pronamespace IN (folded_place, place) OR coalesce(folded_place, place) IS NULL)
    WHERE q.provolatile = 'v' OR q.pronamespace <> 'pg_catalog'::regnamespace
    UNION
    SELECT c.oid, true, CASE WHEN l.lanname = 'sql' THEN NULL ELSE false END
    FROM (
      SELECT m[3], coalesce(lower(m[1]), replace(substr(m[2], 2, length(m[2]) - 2), '""', '"')),
        CASE WHEN own.path IS NULL THEN NOT (r.elsewhere OR {elsewhere}) END
      FROM regexp_matches(body.text, '(?:\m(?:from|join|only|table)\M|,)[\s(]*(?:only\M[\s(]*)?'
        '(?:(?:({name})|("(?:[^"]|"")+"))\s*\.\s*)?"?({name})', 'gi') m
      UNION ALL SELECT piece, NULL, false
      FROM regexp_split_to_table(body.text, '"') piece WHERE piece ~ '[^\w$]'
      UNION ALL SELECT o.relname, NULL, false FROM pg_class o
      WHERE strpos(body.text, '""') > 0 AND o.relname ~ '"'
        AND strpos(body.text, quote_ident(o.relname)) > 0
    ) seen(name, place, by_our_path)
    JOIN pg_class c ON c.relname IN (seen.name, lower(seen.name)) AND {leads_on}
      AND CASE WHEN place IS NOT NULL THEN c.relnamespace = to_regnamespace(quote_ident(place))
        WHEN by_our_path IS NULL THEN c.relnamespace IN (
          SELECT to_regnamespace(quote_ident(each)) FROM unnest(own.path) each)
        ELSE NOT by_our_path OR pg_table_is_visible(c.oid) END
      AND c.relnamespace <> ALL ('{pg_catalog,information_schema}'::regnamespace[])
    UNION
    SELECT i.inhrelid, true, r.planned FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE r.is_view AND i.inhparent = r.oid AND {leads_on}
    UNION
    SELECT coalesce(c.oid, q.oid), c.oid IS NOT NULL, CASE WHEN c.oid IS NOT NULL THEN r.planned
      ELSE r.planned IS NULL AND q.provolatile <> 'v' AND q.prokind = 'f' AND NOT q.proretset END
    FROM (
      SELECT ev_class, ev_action::text FROM pg_rewrite
      UNION ALL SELECT polrelid, concat(polqual, ' ', polwithcheck) FROM pg_policy
    ) w(ev_class, tree) CROSS JOIN LATERAL regexp_matches(tree,
      ':(relid|funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') m
    LEFT JOIN pg_class c ON m[1] = 'relid' AND c.oid = m[2]::oid AND {leads_on}
    LEFT JOIN pg_proc q ON m[1] <> 'relid' AND q.oid = m[2]::oid
      AND (q.provolatile = 'v' OR q.pronamespace <> 'pg_catalog'::regnamespace)
    WHERE r.is_view AND w.ev_class = r.oid AND coalesce(c.oid, q.oid) IS NOT NULL
  ) inner_one(oid, is_view, folded)
), called AS MATERIALIZED (
  SELECT r.via, r.planned, p.* FROM reached r JOIN pg_proc p ON p.oid = r.oid AND NOT r.is_view
), moves AS (
  SELECT FROM called p JOIN pg_language l ON l.oid = p.prolang
  CROSS JOIN LATERAL (SELECT {read}
    FROM coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) source) body(text)
  WHERE p.pronamespace <> 'pg_catalog'::regnamespace AND l.lanname NOT IN ('internal', 'c')
    AND concat_ws(' ', body.text, regexp_replace(body.text, {comment}, ' ', 'g')) ~* {moves}
), functions AS (
  SELECT n.nspname AS schema, p.proname AS name, bool_and(l.lanpltrusted) AS trusted,
    coalesce(min(x.via) FILTER (WHERE p.planned), min(x.via), '') AS via,
    coalesce(e.extname, '') AS extension, bool_or(x.copies) AS copies,
    bool_or(p.planned) AS planned,
    bool_or(x.unconfined) AS unconfined, bool_or(x.composes) AS composes, '' AS program,
    false AS remote
  FROM called p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
  LEFT JOIN pg_proc v ON v.oid = p.via
  LEFT JOIN pg_namespace vn ON vn.oid = v.pronamespace
  LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
  CROSS JOIN LATERAL (SELECT vn.nspname || '.' || v.proname AS via,
    l.lanname NOT IN ('internal', 'c') AND {read} ~*
      '\mcopy\M[^;]*\m(to|(to|from)\s+program)\s*(''|\$\D|%[sL\d])' AS copies,
    l.lanname NOT IN ('internal', 'c') AND NOT l.lanpltrusted AS unconfined,
    {composes} AS composes
    FROM (VALUES (p.prosrc)) body(source)) x
  WHERE p.provolatile = 'v' OR x.copies OR x.unconfined OR x.composes
    OR p.proname ~ '^(table|schema|database)_to_xml'
  GROUP BY n.nspname, p.proname, e.extname, p.via IS NULL
  UNION ALL
  SELECT n.nspname, c.relname, true, coalesce(min(vn.nspname || '.' || v.proname), ''), '', true,
    coalesce(bool_or(r.planned), false), false, false, coalesce(o.option_value, ''),
    o.option_value IS NULL
  FROM reached r
  JOIN pg_foreign_table t ON r.is_view AND t.ftrelid = r.oid
  JOIN pg_foreign_server s ON s.oid = t.ftserver
  JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
  LEFT JOIN pg_proc h ON h.oid = w.fdwhandler
  LEFT JOIN LATERAL pg_options_to_table(t.ftoptions) o ON o.option_name = 'program'
  JOIN pg_class c ON c.oid = r.oid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_proc v ON v.oid = r.via
  LEFT JOIN pg_namespace vn ON vn.oid = v.pronamespace
  WHERE o.option_value IS NOT NULL OR h.proname = 'postgres_fdw_handler'
  GROUP BY n.nspname, c.relname, o.option_value, r.via IS NULL
)
""".replace("{composes}", _COMPOSES)
    .replace("{read}", _READ)
    .replace("{comment}", _ANY_COMMENT)
    .replace("{name}", _NAME)
)
REACHED = (
    REACHED.replace("{leads_on}", _LEADS_ON)
    .replace("{elsewhere}", _ELSEWHERE)
    .replace("{own_path}", _OWN_PATH)
    .replace("{hands_over}", _HANDS_OVER)
    .replace("{moves}", _MOVES)
)
"""Common table expressions: each volatile function reached, `via` which one, where in a body.

Of one in an untrusted procedural language that it is not volatile is only its author's word: it
may ask other servers, and the planner calls it all the same.

What a body calls is told by its words, which may speak of more than is run. An operator, a cast
or a domain's check shows in no plan as the function it is; nor do the parts of an aggregate.
Bodies are read of what is called alone, whatever a planner expects: a database may have thousands.
A body in SQL may be put in the place of its call, and what it calls be run by the planner; so are
operators, to see how many of a column's common values they are true of.
A view is in no plan where a body reads it; what it calls is in its rule, by number, as what
guards a table's rows is in its policies. `planned` is null of one that a body in SQL reads, which
may be put in the place of its call: planning runs what the view calls that is no set. Nor is a
foreign table, which may run a program or ask another server: it counts as a function that does.
Both are those that the body's name means: in the schema it names, or by the search_path. Where a
function in `moves` may set it for the others, $10 asks once more, of every table of a name.
Planning runs no set, which a plan calls or a body put in its place, but all that a function it
runs calls.
What reads whole tables into XML is STABLE, and runs the functions of any view among them.
"""
