"""Which functions running a plan reaches: named, behind other syntax, or called in a body."""

from collections.abc import Mapping
from functools import reduce

from dbtool.explain import bodies
from dbtool.explain.implicit import IMPLICIT, IMPLIED, literal

_NEXT = """CASE WHEN {state} THEN true WHEN {state} IS NULL THEN
        CASE WHEN q.provolatile <> 'v' AND q.prokind = 'f' AND NOT q.proretset THEN true END
      ELSE false END"""
"""Whether planning runs a function that it meets where it is as `{state}` says."""

_ALWAYS = """CASE WHEN {state} THEN true WHEN {state} IS NULL THEN nullif(y.always, false)
      ELSE false END"""
"""Whether planning runs what a type or an operator brings in, where it is as `{state}` says."""

_TEXTS = """
    SELECT CASE WHEN r.is_view THEN CASE WHEN {hands_over} THEN pg_get_viewdef(r.oid) END
        WHEN l.lanname NOT IN ('internal', 'c') THEN {read} END,
      CASE WHEN r.planned THEN true WHEN r.planned IS NULL AND l.lanname = 'sql'
        AND NOT p.prosecdef AND p.proconfig IS NULL
        AND NOT (p.proretset AND p.provolatile = 'v') THEN NULL ELSE false END
    FROM coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) source
    UNION ALL SELECT pg_get_function_arguments(p.oid), r.planned WHERE p.pronargdefaults > 0"""
"""What is to be read of a function or view, and how planning takes it: see `REACHED`."""

_CALLS = r"""
    SELECT q.oid, false, {next}, call.supposed
    FROM (
      SELECT m[2], lower(m[2]), to_regnamespace(lower(m[1])), to_regnamespace(quote_ident(m[1])),
        false
      FROM regexp_matches(body.text, '(?:"?({name})"?\s*\.\s*)?"?({name})"?\s*\(', 'g') m
      UNION ALL SELECT m[1], lower(m[1]), NULL, NULL, true
      FROM regexp_matches(body.text, '\.\s*"?({name})', 'g') m
      UNION ALL SELECT piece, piece, NULL, NULL, false
      FROM regexp_split_to_table(body.text, '"') piece WHERE piece ~ '[^\w$]'
      UNION ALL SELECT o.proname, o.proname, NULL, NULL, false FROM pg_proc o
      WHERE strpos(body.text, '""') > 0 AND o.proname ~ '"'
        AND strpos(body.text, quote_ident(o.proname)) > 0
    ) call(name, folded, folded_place, place, supposed)
    JOIN pg_proc q ON q.proname IN (call.name::name, call.folded::name)
      AND (q.pronamespace IN (folded_place, place) OR coalesce(folded_place, place) IS NULL)
    WHERE CASE WHEN call.supposed
      THEN {users} AND q.pronargs > 0 AND q.pronargs - q.pronargdefaults <= 1
      ELSE q.provolatile = 'v' OR {users} END"""
"""What a text calls; behind a dot stands a function of what is before it, or a column."""

_IMPLIES = f"""
    SELECT y.func, false, {_ALWAYS.replace("{state}", "body.state")}, true FROM values_of y
    WHERE y.oid < 16384 AND body.text <> '' OR strpos(lower(body.text), y.name) > 0
    UNION
    SELECT y.func, false, {_ALWAYS.replace("{state}", "body.state")}, true FROM symbols y
    WHERE strpos(body.text, y.name) > 0
      OR y.name = ANY ({literal(IMPLIED)}) AND body.text <> ''
    UNION
    SELECT y.func, false, {_ALWAYS.replace("{state}", "r.planned")}, true FROM values_of y
    WHERE y.oid = p.prorettype OR y.oid = ANY (p.proargtypes) OR y.oid = ANY (p.proallargtypes)"""
"""What a text, or the call of a function, runs by the types and operators in it."""

_READS = r"""
    SELECT c.oid, true, body.state, false
    FROM (
      SELECT m[3], coalesce(lower(m[1]), replace(substr(m[2], 2, length(m[2]) - 2), '""', '"')),
        CASE WHEN own.path IS NULL THEN NOT (r.elsewhere OR {elsewhere}) END
      FROM regexp_matches(body.text, '(?:\m(?:from|join|only|table|into|update|using)\M|,)'
        '[\s(]*(?:(?:only|table)\M[\s(]*)*(?:{part}\s*\.\s*(?={part}\s*\.))?'
        '(?:(?:({name})|("(?:[^"]|"")+"))\s*\.\s*)?"?({name})', 'gi') m
      UNION ALL SELECT piece, NULL, false
      FROM regexp_split_to_table(body.text, '"') piece WHERE piece ~ '[^\w$]'
      UNION ALL SELECT o.relname, NULL, false FROM pg_class o
      WHERE strpos(body.text, '""') > 0 AND o.relname ~ '"'
        AND strpos(body.text, quote_ident(o.relname)) > 0
    ) seen(name, place, by_our_path)
    JOIN pg_class c ON c.relname IN (seen.name::name, lower(seen.name)::name) AND {leads_on}
      AND CASE WHEN place IS NOT NULL THEN c.relnamespace = to_regnamespace(quote_ident(place))
        WHEN by_our_path IS NULL THEN c.relnamespace IN (
          SELECT to_regnamespace(quote_ident(each)) FROM unnest(own.path) each)
        ELSE NOT by_our_path OR pg_table_is_visible(c.oid) END
      AND c.oid >= 16384
    WHERE p.prosqlbody IS NULL
    UNION
    SELECT c.oid, true, body.state, false
    FROM regexp_matches(p.prosqlbody::text, ':relid (\d+)', 'g') m
    JOIN pg_class c ON c.oid = m[1]::oid AND {leads_on}"""
"""What a text reads: the tables its names mean, or those that BEGIN ATOMIC was written for."""

_RULES = r"""
    SELECT i.inhrelid, true, r.planned, false
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE r.is_view AND i.inhparent = r.oid AND {leads_on}
    UNION
    SELECT coalesce(c.oid, q.oid), c.oid IS NOT NULL,
      CASE WHEN c.oid IS NOT NULL THEN r.planned ELSE {next} END, false
    FROM (
      SELECT w.ev_class, w.ev_action::text FROM pg_rewrite w
      JOIN pg_class m ON m.oid = w.ev_class AND m.relkind <> 'm'
      UNION ALL SELECT polrelid, concat(polqual, ' ', polwithcheck) FROM pg_policy
    ) w(ev_class, tree) CROSS JOIN LATERAL regexp_matches(tree,
      ':(relid|funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') m
    LEFT JOIN pg_class c ON m[1] = 'relid' AND c.oid = m[2]::oid AND {leads_on}
    LEFT JOIN pg_proc q ON m[1] <> 'relid' AND q.oid = m[2]::oid
      AND (q.provolatile = 'v' OR {users})
    WHERE r.is_view AND w.ev_class = r.oid AND coalesce(c.oid, q.oid) IS NOT NULL"""
"""What a relation's rules and policies read and call, and its children."""

_GUARDS = """
    SELECT q.oid, false, coalesce({always}, {next}), true
    FROM (
      SELECT 'pg_class'::regclass, r.oid, r.planned
      UNION ALL SELECT 'pg_class'::regclass, x.indexrelid, r.planned FROM pg_index x
      WHERE x.indrelid = r.oid AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)
      UNION ALL SELECT 'pg_constraint'::regclass, k.oid, {kept} FROM pg_constraint k
      WHERE k.conrelid = r.oid AND k.contype = 'c'
      UNION ALL SELECT 'pg_attrdef'::regclass, a.oid, {kept} FROM pg_attrdef a
      WHERE a.adrelid = r.oid
      UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid, r.planned FROM pg_statistic_ext s
      WHERE s.stxrelid = r.oid
      UNION ALL SELECT 'pg_rewrite'::regclass, w.oid, r.planned FROM pg_rewrite w
      JOIN pg_class m ON m.oid = w.ev_class AND (m.relkind <> 'm' OR r.written)
      WHERE w.ev_class = r.oid
      UNION ALL SELECT 'pg_policy'::regclass, w.oid, r.planned FROM pg_policy w
      WHERE w.polrelid = r.oid
    ) part(kind, oid, state)
    JOIN pg_depend d ON r.is_view AND d.classid = part.kind AND d.objid = part.oid
      AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
    LEFT JOIN LATERAL (
      SELECT s.func, s.always FROM symbols s
      WHERE s.oid = d.refobjid AND d.refclassid = 'pg_operator'::regclass
      UNION ALL SELECT v.func, v.always FROM values_of v
      WHERE v.oid = d.refobjid AND d.refclassid = 'pg_type'::regclass
    ) y ON true
    JOIN pg_proc q
      ON q.oid = coalesce(y.func, CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid END)
    JOIN pg_language s ON s.oid = q.prolang
    WHERE y.func IS NOT NULL OR {users} AND (r.written OR q.provolatile <> 'v'
      OR part.kind = 'pg_constraint'::regclass AND s.lanname = 'sql'
      OR part.kind NOT IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass))"""
"""What planning meets of a table that is read: its indexes, checks, statistics and defaults.

Only writing runs checks and defaults that are VOLATILE; of a check in SQL the body may be put in
the place of its call, and planning run what that calls.
"""

_REACHED = r"""named AS (
  SELECT p.oid FROM pg_proc p WHERE p.proname = ANY ($3::text[])
  UNION SELECT o.oprcode FROM pg_operator o
  WHERE o.oprname = ANY ($4::text[]) AND o.oid >= 16384
  UNION SELECT k.castfunc FROM pg_cast k JOIN pg_type y ON y.oid = k.casttarget
  JOIN pg_proc p ON p.oid = k.castfunc
    AND (p.provolatile = 'v' OR p.oid >= 16384)
  WHERE y.typname = ANY ($5::text[]) OR split_part(format_type(y.oid, NULL), ' ', 1) = ANY ($5)
  UNION SELECT m[1]::oid FROM pg_type y JOIN pg_constraint c ON c.contypid = y.oid
  CROSS JOIN LATERAL regexp_matches(c.conbin::text, ':(?:funcid|opfuncid) (\d+)', 'g') m
  WHERE y.typname = ANY ($5::text[])
  UNION SELECT unnest($6::oid[] || $9::oid[])
), {implicit}, reached(oid, is_view, via, planned, elsewhere, supposed, written) AS (
  SELECT p.oid, false, NULL::oid,
    CASE WHEN p.oid = ANY ($9) OR p.prokind = 'f' AND NOT p.proretset AND (
      p.provolatile <> 'v' OR EXISTS (SELECT FROM pg_operator o
        WHERE o.oprcode = p.oid AND (o.oprrest <> 0 OR o.oprjoin <> 0))) THEN true END,
    $10::bool OR 'set_config' = ANY ($3::text[]), false, false
  FROM named JOIN pg_proc p ON p.oid = named.oid
  UNION SELECT to_regclass(name)::oid, true, NULL, false, false, false, true
  FROM unnest($8::text[]) name
  WHERE to_regclass(name) IS NOT NULL
  UNION
  SELECT inner_one.oid, inner_one.is_view, coalesce(r.via, CASE WHEN NOT r.is_view THEN r.oid END),
    inner_one.planned, r.elsewhere OR {elsewhere}, r.supposed OR inner_one.supposed,
    inner_one.is_view AND (r.written OR coalesce(body.text ~* {writes}, false))
  FROM reached r LEFT JOIN pg_proc p ON p.oid = r.oid AND NOT r.is_view AND {users_p}
  LEFT JOIN pg_language l ON l.oid = p.prolang
  CROSS JOIN LATERAL ({texts}
  ) kept(text, state)
  CROSS JOIN LATERAL (SELECT CASE WHEN kept.text ~ '--|/\*'
    THEN concat_ws(' ', kept.text, regexp_replace(kept.text, {comment}, ' ', 'g'))
    ELSE kept.text END, kept.state) body(text, state)
  CROSS JOIN LATERAL (SELECT {own_path}) own(path)
  CROSS JOIN LATERAL (
    SELECT f, false, CASE WHEN r.planned THEN true ELSE false END, false
    FROM pg_aggregate a, unnest(ARRAY[a.aggtransfn, a.aggfinalfn,
      a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn,
      a.aggmfinalfn]::oid[]) f
    WHERE a.aggfnoid = p.oid
    UNION{calls}
    UNION{implies}
    UNION{reads}
    UNION{rules}
    UNION{guards}
  ) inner_one(oid, is_view, planned, supposed)
), called AS MATERIALIZED (
  SELECT r.via, r.planned, r.supposed, p.*
  FROM reached r JOIN pg_proc p ON p.oid = r.oid AND NOT r.is_view
), moves AS (
  SELECT FROM (SELECT func FROM values_of UNION ALL SELECT func FROM symbols) y
  WHERE y.func = {set_config}
  UNION ALL SELECT FROM called p JOIN pg_language l ON l.oid = p.prolang
  CROSS JOIN LATERAL (SELECT concat_ws(' ', {read},
      CASE WHEN p.pronargdefaults > 0 THEN pg_get_function_arguments(p.oid) END)
    FROM coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) source) body(text)
  WHERE {users_p} AND l.lanname NOT IN ('internal', 'c')
    AND concat_ws(' ', body.text, regexp_replace(body.text, {comment}, ' ', 'g')) ~* {moves}
  UNION ALL SELECT FROM reached r JOIN (
    SELECT ev_class, ev_action::text FROM pg_rewrite
    UNION ALL SELECT polrelid, concat(polqual, ' ', polwithcheck) FROM pg_policy
  ) w(ev_class, tree) ON r.is_view AND w.ev_class = r.oid
  WHERE tree ~ concat(':funcid ', {set_config}, '\M')
), functions AS (
  SELECT n.nspname AS schema, p.proname AS name, bool_and(l.lanpltrusted) AS trusted,
    coalesce(min(x.via) FILTER (WHERE p.planned), min(x.via), '') AS via,
    coalesce(e.extname, '') AS extension, bool_or(x.copies) AS copies,
    coalesce(bool_or(p.planned OR p.planned IS NULL AND x.composes AND l.lanname = 'sql'), false)
      AS planned,
    bool_and(p.supposed) AS supposed,
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
    coalesce(bool_or(r.planned), false), bool_and(r.supposed), false, false,
    coalesce(o.option_value, ''),
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
"""


def _filled(text: str, pieces: Mapping[str, str]) -> str:
    """A text with what the names in braces stand for."""
    return reduce(lambda done, each: done.replace(f"{{{each[0]}}}", each[1]), pieces.items(), text)


_PIECES = {
    "implicit": IMPLICIT,
    "texts": _TEXTS,
    "calls": _CALLS.replace("{next}", _NEXT.replace("{state}", "body.state")),
    "implies": _IMPLIES,
    "reads": _READS,
    "rules": _RULES.replace("{next}", _NEXT.replace("{state}", "r.planned")),
    "set_config": "'pg_catalog.set_config(text, text, boolean)'::regprocedure::oid",
    "guards": _GUARDS.replace("{always}", _ALWAYS)
    .replace("{next}", _NEXT)
    .replace("{state}", "part.state")
    .replace("{kept}", "CASE WHEN r.written THEN r.planned ELSE nullif(r.planned, true) END"),
}
REACHED = _filled(_filled(_REACHED, _PIECES), bodies.PIECES)
"""Common table expressions: each volatile function reached, `via` which one, where in a body.

Of one in an untrusted procedural language that it is not volatile is only its author's word: it
may ask other servers, and the planner calls it all the same.

What a body calls is told by its words, which may speak of more than is run. An operator, a cast
or a domain's check shows in no plan as the function it is; nor do the parts of an aggregate.
Bodies are read of what is called alone, whatever a planner expects: a database may have thousands.
A body in SQL may be put in the place of its call, and what it calls be run by the planner; so are
operators, to see how many of a column's common values they are true of.
A view is in no plan where a body reads it; what it calls is in its rule, by number, as what
guards a table's rows is in its policies. A table's indexes, checks, statistics, defaults and
partitions are looked at while it is planned, so what their expressions call counts, but only
where it reaches out: `supposed` is of what no name led to. What only makes rows, as VOLATILE
defaults and checks do and the query of a materialized view, counts where the relation is
`written`: where the text that led to it speaks of writing at all.
A foreign table may run a program or ask another server: it counts as a function that does.
Both are those that the body's name means: in the schema it names, or by the search_path. Where a
function in `moves` may set it for the others, $10 asks once more, of every table of a name.
`planned` is true of what planning runs, with all that this reads and calls, and null of what is
only put in the place of its call: planning runs of it what is neither VOLATILE nor a set.
Planning runs no set, which a plan calls or a body put in its place, but all that a function it
runs calls.
What reads whole tables into XML is STABLE, and runs the functions of any view among them.
"""
