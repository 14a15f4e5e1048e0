"""Functions that no name leads to: behind types, casts and operators, as pieces of SQL."""

from collections.abc import Iterable

IMPLIED = frozenset(["=", "<>", "<", "<=", ">", ">=", "~", "!~", "~~", "!~~", "~~*", "!~~*"])
"""Operators that a statement uses without writing them, as in IN, LIKE, USING and CASE."""


def literal(names: Iterable[str]) -> str:
    """Names without quotes in them as an array."""
    return f"'{{{','.join(sorted(names))}}}'::text[]"


USERS = "{p}.oid >= 16384"
"""Whether something did not come with PostgreSQL, whatever its schema."""

IMPLICIT = r"""made(oid, func, always) AS (
  SELECT kind.oid, p.oid, kind.always OR p.provolatile <> 'v'
  FROM (
    SELECT c.contypid, m[1]::oid, true FROM pg_constraint c
    CROSS JOIN LATERAL regexp_matches(c.conbin::text, ':(?:funcid|opfuncid) (\d+)', 'g') m
    WHERE c.contypid <> 0
    UNION ALL SELECT g.rngtypid, f, true
    FROM pg_range g, unnest(ARRAY[g.rngsubdiff, g.rngcanonical]::oid[]) f
    UNION ALL SELECT o.opcintype, f.oid, true FROM pg_opclass o
    JOIN pg_am m ON m.oid = o.opcmethod AND m.amname IN ('btree', 'hash')
    CROSS JOIN LATERAL (
      SELECT a.amproc FROM pg_amproc a WHERE a.amprocfamily = o.opcfamily
      UNION ALL SELECT w.oprcode FROM pg_amop a JOIN pg_operator w ON w.oid = a.amopopr
      WHERE a.amopfamily = o.opcfamily) f(oid)
    WHERE o.oid >= 16384
    UNION ALL SELECT unnest(CASE WHEN k.castsource >= 16384 AND k.casttarget >= 16384
      THEN ARRAY[k.castsource, k.casttarget] ELSE ARRAY[greatest(k.castsource, k.casttarget)]
      END), k.castfunc, false
    FROM pg_cast k WHERE k.castfunc >= 16384
  ) kind(oid, func, always)
  JOIN pg_proc p ON p.oid = kind.func
  JOIN pg_language l ON l.oid = p.prolang
  WHERE p.provolatile = 'v' OR l.lanname NOT IN ('internal', 'c') AND {users}
  UNION
  SELECT wider.oid, made.func, made.always FROM made JOIN (
    SELECT typbasetype, oid FROM pg_type WHERE typbasetype <> 0
    UNION ALL SELECT typelem, oid FROM pg_type WHERE typelem <> 0
    UNION ALL SELECT unnest(ARRAY[rngsubtype, rngtypid]), unnest(ARRAY[rngtypid, rngmultitypid])
    FROM pg_range
    UNION ALL SELECT a.atttypid, c.reltype FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid AND c.reltype <> 0 WHERE a.attnum > 0
  ) wider(inner_one, oid) ON wider.inner_one = made.oid AND made.oid >= 16384
), values_of AS MATERIALIZED (
  SELECT made.*, lower(replace(y.typname, '"', '""')) AS name
  FROM made JOIN pg_type y ON y.oid = made.oid
), symbols AS MATERIALIZED (
  SELECT o.oid, o.oprname AS name, p.oid AS func,
    p.provolatile <> 'v' OR alike.oprrest <> 0 OR alike.oprjoin <> 0 AS always
  FROM pg_operator o
  JOIN pg_operator alike ON alike.oid IN (o.oid, o.oprcom, o.oprnegate)
  JOIN pg_proc p ON p.oid = alike.oprcode
  JOIN pg_language l ON l.oid = p.prolang
  WHERE o.oid >= 16384 AND (p.provolatile = 'v' OR l.lanname NOT IN ('internal', 'c'))
)""".replace("{users}", USERS.replace("{p}", "p"))
"""What runs where values of types are made, cast or compared, and where operators are written.

`always` tells what planning runs of it: checks whatever they say of themselves, of casts those
that are not VOLATILE, of operators also those it asks how many values they are true of. It may
turn operands, or put an operator in the place of its negation.
Types are those of users, and whatever is made of them; what is said of a built-in one holds
wherever anything is run, as nobody need name it.
"""
