"""How the catalog query of `reach` reads the bodies of functions, as pieces of SQL."""

from dbtool.explain.implicit import USERS

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
        AND source ~* '\m(spi_\w+|execute|prepare)\M' END
      OR l.lanname IN ('sql', 'plpgsql') AND {_READ} ~* '\mu&"'"""
"""Whether a body runs SQL that it puts together, or spells names by numbers.

What a plan hands crosstab is looked at.
"""

_MOVES = r"""'\m(search_path|set\s+((local|session)\s+)?"?(schema|role)|session[\s_]+authorization'
        '|reset\s+(all|role)|discard|update\M\s*(only\M[\s(]*)?("?pg_catalog"?\s*\.\s*)?"?pg_settings)\M'
        '|\mset_config"?\s*\((?!\s*''(?!role''|session_authorization'')[^'']*''\s*,)'"""
"""What a body says that sets the search_path or a role, on which "$user" in it depends.

It does so for whoever called it too. Of set_config what is set must be told.
"""

_ELSEWHERE = rf"""coalesce(p.prosecdef
      OR array_to_string(p.proconfig, ' ') ~ '(^| )(search_path|role|session_authorization)='
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
      JOIN pg_class m ON m.oid = w.ev_class AND (m.relkind <> 'm' OR r.written)
      WHERE w.ev_class = r.oid AND w.ev_action::text ~ (':funcid ' || x.oid || '\M'))"""
"""Whether a view hands SQL to a function, which its rule keeps as bytes."""

_WRITES = r"'\m(insert|update|delete|merge|copy|alter|refresh)\M'"
"""What a body says that runs defaults and checks, or the query of a materialized view.

A rule may write another table on DELETE, and ALTER TABLE checks the rows that are there.
"""

_LEADS_ON = """(c.relkind IN ('v', 'f', 'p') OR c.relhassubclass OR c.relrowsecurity
      OR c.relhasrules OR c.relchecks > 0
      OR EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid
        AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL))
      OR EXISTS (SELECT FROM pg_statistic_ext x WHERE x.stxrelid = c.oid)
      OR EXISTS (SELECT FROM pg_attrdef x WHERE x.adrelid = c.oid))"""
"""What is read in more than one place, or has expressions that are looked at when it is read."""

PIECES = {
    "composes": _COMPOSES,
    "read": _READ,
    "comment": _ANY_COMMENT,
    "elsewhere": _ELSEWHERE,
    "own_path": _OWN_PATH,
    "hands_over": _HANDS_OVER,
    "leads_on": _LEADS_ON,
    "moves": _MOVES,
    "writes": _WRITES,
    "users_p": USERS.replace("{p}", "p"),
    "users": USERS.replace("{p}", "q"),
    "part": rf'(?:{_NAME}|"(?:[^"]|"")+")',
    "name": _NAME,
}
"""Each by the name that stands for it."""
