"""What a database holds at one stop of a run, read on the run's own connection."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine.interfaces import DBAPIConnection

from dbtool import catalog
from dbtool.catalog import Catalog
from dbtool.catalog.relations import table
from dbtool.migrate.diff.catalogs import Change, How, changes
from dbtool.migrate.statements import answer, execute

_VERSION = "SELECT pg_catalog.current_setting('server_version_num')"
_IS_PLANNED = "SELECT count(*)::int FROM pg_catalog.pg_prepared_statements WHERE name = '{}'"
_OURS = "nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
_BESIDE = f"""
WITH spaces AS MATERIALIZED (
    SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE {_OURS}
), members AS MATERIALIZED (
    SELECT objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), said (kind, name, text) AS (
    SELECT 'body', p.oid::pg_catalog.regprocedure::text,
           pg_catalog.md5(p.prosrc || coalesce(p.prosqlbody::text, ''))
      FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
     WHERE p.oid NOT IN (SELECT objid FROM members)
    UNION ALL
    SELECT 'policy', polrelid::pg_catalog.regclass || '.' || polname,
           pg_catalog.concat_ws(' ', polcmd, polpermissive, polroles::text,
               pg_catalog.pg_get_expr(polqual, polrelid),
               pg_catalog.pg_get_expr(polwithcheck, polrelid))
      FROM pg_catalog.pg_policy
    UNION ALL
    SELECT 'statistics', t.oid::pg_catalog.regclass || '.' || x.stxname,
           pg_catalog.pg_get_statisticsobjdef(x.oid)
      FROM pg_catalog.pg_statistic_ext x JOIN pg_catalog.pg_class t ON t.oid = x.stxrelid
    UNION ALL
    SELECT 'privileges of', c.oid::pg_catalog.regclass::text, c.relacl::text
      FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
     WHERE c.relacl IS NOT NULL AND c.oid NOT IN (SELECT objid FROM members)
)
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(kind, name, text)), '[]')::text
  FROM said
"""
_WITH_ITS_FUNCTION = "body"


Beside = Mapping[tuple[str, str], str | None]


@dataclass(frozen=True, slots=True)
class Stop:
    """A catalogue, and what it leaves out: bodies of functions, policies, privileges."""

    catalog: Catalog
    beside: Beside


class Reader:
    """Reads on one connection, inside whatever transaction is open there.

    To plan so large a statement takes longer than to run it, so it is planned once; and most
    tables are at one stop what they were at the one before.
    """

    def __init__(self, connection: DBAPIConnection) -> None:
        self._connection = connection
        major = int(str(answer(connection, _VERSION)[0])) // 10000
        self._known: dict[tuple[str, str], tuple[dict[str, Any], catalog.Table]] = {}
        self._plans = {"dbtool_stop": catalog.statement(major), "dbtool_beside": _BESIDE}

    def __call__(self) -> Stop:
        """Two answers for any number of tables."""
        found = catalog.parse(self._said("dbtool_stop"), self._table)
        beside = json.loads(self._said("dbtool_beside"))
        return Stop(found, {(kind, name): text for kind, name, text in beside})

    def _table(self, row: dict[str, Any]) -> catalog.Table:
        """The table of a row; the same one where the row says the same as before."""
        key = row["schema"], row["name"]
        said, known = self._known.get(key, (None, None))
        if known is None or said != row:
            known = table(row)
            self._known[key] = row, known
        return known

    def _said(self, name: str) -> str:
        """One answer; a driver may forget every plan of the session with its own."""
        if not answer(self._connection, _IS_PLANNED.format(name))[0]:
            execute(self._connection, f"PREPARE {name} AS {self._plans[name]}")
        return str(answer(self._connection, f"EXECUTE {name}")[0])


def between(before: Stop, after: Stop) -> tuple[Change, ...]:
    """What differs between two stops."""
    found = changes(before.catalog, after.catalog)
    told = {each.name for each in found if each.how is not How.CHANGED}
    return (*found, *_beside(before.beside, after.beside, told))


def _beside(before: Beside, after: Beside, told: set[str]) -> Iterator[Change]:
    """With an object comes and goes what is about it."""
    for kind, name in sorted(before.keys() | after.keys()):
        old, new = before.get((kind, name)), after.get((kind, name))
        if old == new or {name, name.rpartition(".")[0]} & told:
            continue
        if kind == _WITH_ITS_FUNCTION:
            if old is not None and new is not None:
                yield Change("function", name, How.CHANGED, "another body", "a new body")
            continue
        how = How.ADDED if old is None else How.GONE if new is None else How.CHANGED
        yield Change(kind, name, how, old or "", new or "")
