"""Queries whose nodes sleep for a time that is measured inside them: the truth about a plan."""

from collections.abc import Mapping
from dataclasses import dataclass

from dbtool.database.sync import SyncConnection
from dbtool.explain.plan import Plan
from dbtool.explain.selftime import measure
from tests.explain.plans import explained

SETUP = """
CREATE FUNCTION sleeper(tag text, ms float8, v anyelement) RETURNS anyelement
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  began timestamptz := clock_timestamp();
  name text := 'slept.' || tag;
BEGIN
  PERFORM pg_sleep(ms / 1000);
  PERFORM set_config(name, (coalesce(nullif(current_setting(name, true), ''), '0')::float8
    + 1000 * extract(epoch FROM clock_timestamp() - began))::text, false);
  RETURN v;
END $$;
"""

TAGS = {"a": 8, "b": 4, "c": 30}
"""Milliseconds that each sleeper sleeps per call."""

QUERIES = (
    "SELECT [b few.id] FROM few JOIN t ON t.id = few.id + (SELECT [c 1])"
    " WHERE few.id > (SELECT [a 1])",
    "WITH c AS MATERIALIZED (SELECT [a id] AS id FROM few)"
    " SELECT [b x.id] FROM c x WHERE x.id IN (SELECT y.id FROM c y WHERE y.id < 4)",
    "WITH c AS MATERIALIZED (SELECT [b id] AS id FROM few), d AS MATERIALIZED"
    " (SELECT [a id] AS id FROM c) SELECT * FROM d a, d b WHERE a.id = b.id",
    "SELECT f.id, (SELECT max([b t.id]) FROM t WHERE t.k = f.id AND t.id < 12),"
    " (SELECT [c 2]) FROM few f",
    "SELECT * FROM few WHERE [b id] > 1 ORDER BY [a id] DESC LIMIT (SELECT [c 2])",
    "SELECT * FROM few WHERE id > 1 OFFSET (SELECT [c 1])",
    "WITH RECURSIVE r(n) AS (SELECT [c 1] UNION ALL SELECT [b n] + 1 FROM r WHERE n < 6)"
    " SELECT [a n] FROM r",
    "SELECT k, count(*) FROM t WHERE id < 40 GROUP BY k HAVING [b k] > (SELECT [c 3]) ORDER BY k",
    "SELECT a.id FROM few a LEFT JOIN LATERAL (SELECT [a t.id] AS z FROM t"
    " WHERE t.k = a.id LIMIT 1) q ON true",
    "SELECT id FROM few WHERE id NOT IN (SELECT [a id] FROM t WHERE id IN (2, 3))"
    " AND EXISTS (SELECT 1 FROM t WHERE [b t.id] = few.id AND t.id < 3)",
    "SELECT * FROM (SELECT [b id] AS x FROM few OFFSET 0) s UNION ALL"
    " SELECT [a id] FROM few WHERE id > (SELECT [c 3])",
    "SELECT id, row_number() OVER (ORDER BY [a id]) FROM few"
    " WHERE id <= (SELECT max([b id]) FROM few)",
    "WITH w AS MATERIALIZED (SELECT [a id] AS id FROM few)"
    " SELECT (SELECT count(*) FROM w), (SELECT [c 1]), t.id FROM t WHERE t.id < 3",
    "SELECT * FROM few f, LATERAL (SELECT [b t.id] FROM t WHERE t.k = f.id ORDER BY id LIMIT 2) z"
    " WHERE f.id > (SELECT [c 2])",
    "WITH c AS MATERIALIZED (SELECT [b id] AS id FROM few)"
    " SELECT f.id, (SELECT count(*) FROM c WHERE c.id < f.id) FROM few f WHERE [a f.id] > 1",
)
"""`[a id]` is `id` after a sleep that is counted under a."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A plan, and the milliseconds that each of its nodes is known to have slept."""

    plan: Plan
    slept: Mapping[int, float]

    def wrong(self, own: Mapping[int, float]) -> list[int]:
        """The nodes whose own time is far from what they slept."""
        return [
            number
            for number, time in own.items()
            if abs(time - self.slept.get(number, 0.0)) > max(6.0, 0.08 * time)
        ]

    def names_the_slowest(self, own: Mapping[int, float]) -> bool:
        """Whether the node with the most own time is the one that slept longest."""
        return max(own, key=lambda each: own[each]) == max(
            self.slept, key=lambda each: self.slept[each]
        )


def spelled(query: str) -> str:
    """The query with its sleepers written out."""
    for tag, milliseconds in TAGS.items():
        while (start := query.find(f"[{tag} ")) >= 0:
            end = query.index("]", start)
            call = f"sleeper('{tag}', {milliseconds}, {query[start + 3 : end]})"
            query = query[:start] + call + query[end + 1 :]
    return query


def observe(connection: SyncConnection, query: str) -> Truth:
    """Run a query and ask its sleepers how long they took."""
    for tag in TAGS:
        connection.execute(f"SET slept.{tag} = 0")
    plan = explained(connection, spelled(query))
    slept: dict[int, float] = {}
    for tag in TAGS:
        time = float(connection.fetchval(f"SHOW slept.{tag}"))
        if time and (places := _evaluators(plan, tag)):
            slept[places[0]] = slept.get(places[0], 0.0) + time
    return Truth(plan, slept)


def _evaluators(plan: Plan, tag: str) -> list[int]:
    """The nodes that call a sleeper; those above them only pass its value on."""
    mentions = {
        node.id
        for node in plan.nodes
        if node.executed and any(f"sleeper('{tag}'" in str(each) for each in node.props.values())
    }
    return [
        number
        for number in mentions
        if not any(below.id in mentions for below in plan.below(plan.node(number)))
    ]


def ours(plan: Plan) -> dict[int, float]:
    """Own times by containment."""
    times = measure(plan)
    return {node.id: times.of(node).wall_ms for node in plan.nodes if node.executed}


def simple(plan: Plan) -> dict[int, float]:
    """Own times as most tools have them: inclusive minus what is printed below."""
    return {
        node.id: node.time - sum(child.time for child in plan.children(node))
        for node in plan.nodes
        if node.executed
    }
