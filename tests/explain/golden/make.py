"""Write the golden plans of one major version.

DBTOOL_TEST_PG=16 python -m tests.explain.golden.make
"""

import json
from pathlib import Path

from dbtool.database.sync import SyncConnection
from dbtool.scratch.server import throwaway
from tests.conftest import MAJOR

_SETUP = """
CREATE TABLE big (id int PRIMARY KEY, k int, g int, p text);
INSERT INTO big SELECT i, i % 100, i % 7, repeat('x', 20) || i FROM generate_series(1, 20000) i;
CREATE INDEX big_k ON big (k);
CREATE INDEX big_g ON big (g);
CREATE TABLE small (id int PRIMARY KEY, k int, v text);
INSERT INTO small SELECT i, i % 10, 'v' || i FROM generate_series(1, 100) i;
CREATE TABLE child (id int PRIMARY KEY, small_id int REFERENCES small ON DELETE CASCADE);
INSERT INTO child SELECT i, 1 + i % 100 FROM generate_series(1, 300) i;
CREATE INDEX ON child (small_id);
CREATE TABLE parted (id int, k int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (1000);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000) TO (2001);
INSERT INTO parted SELECT i, i % 50 FROM generate_series(1, 2000) i;
CREATE TABLE logged (id int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN INSERT INTO logged VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON small FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER before BEFORE UPDATE ON small FOR EACH ROW EXECUTE FUNCTION before();
VACUUM ANALYZE
"""

_PARALLEL = (
    "parallel_setup_cost = 0",
    "parallel_tuple_cost = 0",
    "min_parallel_table_scan_size = 0",
    "min_parallel_index_scan_size = 0",
    "max_parallel_workers_per_gather = 2",
)
_JIT = (
    "jit = on",
    "jit_above_cost = 0",
    "jit_inline_above_cost = 0",
    "jit_optimize_above_cost = 0",
)

QUERIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "parallel scan": ("SELECT count(*) FROM big WHERE p LIKE '%9%'", _PARALLEL),
    "parallel sort": ("SELECT id FROM big WHERE k < 50 ORDER BY p", _PARALLEL),
    "parallel hash": ("SELECT count(*) FROM big a JOIN big b USING (id)", _PARALLEL),
    "parallel append": ("SELECT k, count(*) FROM parted GROUP BY k", _PARALLEL),
    "parallel init plan": (
        "SELECT count(*) FROM big WHERE k < (SELECT max(k) FROM small)",
        _PARALLEL,
    ),
    "parallel limit": ("SELECT id FROM big WHERE p LIKE '%x%' LIMIT 5", _PARALLEL),
    "parallel off in leader": (
        "SELECT count(*) FROM big",
        (*_PARALLEL, "parallel_leader_participation = off"),
    ),
    "parallel bitmap": (
        "SELECT count(p) FROM big WHERE k < 5",
        (*_PARALLEL, "enable_indexscan = off"),
    ),
    "partitions": ("SELECT count(*) FROM parted WHERE id < 500", ()),
    "partitions pruned": (
        "SELECT * FROM parted p JOIN small s ON p.id = s.id WHERE p.id = (SELECT 7)",
        ("enable_hashjoin = off",),
    ),
    "cte": (
        "WITH c AS MATERIALIZED (SELECT k, count(*) AS n FROM big GROUP BY k)"
        " SELECT * FROM c a JOIN c b ON a.k = b.n",
        (),
    ),
    "recursive": (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 50)"
        " SELECT * FROM r",
        (),
    ),
    "memoize": (
        "SELECT count(s.v) FROM big b LEFT JOIN small s ON s.id = b.k",
        ("enable_hashjoin = off", "enable_mergejoin = off"),
    ),
    "incremental sort": ("SELECT * FROM big ORDER BY id, p LIMIT 100", ()),
    "incremental sort of groups": (
        "SELECT k, p FROM big ORDER BY k, p",
        ("enable_seqscan = off", "enable_bitmapscan = off", "enable_sort = off"),
    ),
    "jit": ("SELECT sum(k + g) FROM big WHERE k > 3", _JIT),
    "sort on disk": ("SELECT * FROM big ORDER BY p", ("work_mem = '64kB'",)),
    "hash on disk": ("SELECT count(*) FROM big a JOIN big b ON a.p = b.p", ("work_mem = '64kB'",)),
    "aggregate on disk": ("SELECT p, count(*) FROM big GROUP BY p", ("work_mem = '64kB'",)),
    "subplan": (
        "SELECT id, (SELECT count(*) FROM child c WHERE c.small_id = s.id) FROM small s",
        (),
    ),
    "hashed subplan": ("SELECT * FROM small WHERE id NOT IN (SELECT small_id FROM child)", ()),
    "init plans": (
        "SELECT (SELECT max(id) FROM big), id FROM small WHERE k = (SELECT min(k) FROM small)",
        (),
    ),
    "bitmap and": ("SELECT count(*) FROM big WHERE k = 3 AND g = 2", ()),
    "bitmap or, lossy": (
        "SELECT count(p) FROM big WHERE k < 40 OR g < 2",
        ("work_mem = '64kB'", "enable_seqscan = off", "enable_indexscan = off"),
    ),
    "index only": ("SELECT id FROM big WHERE id < 100", ("enable_seqscan = off",)),
    "backward": ("SELECT * FROM big ORDER BY id DESC LIMIT 3", ()),
    "merge join": (
        "SELECT * FROM small a FULL JOIN small b ON a.id = b.id",
        ("enable_hashjoin = off",),
    ),
    "anti join": (
        "SELECT * FROM small s WHERE NOT EXISTS (SELECT FROM child c WHERE c.small_id = s.id)",
        (),
    ),
    "window": ("SELECT k, row_number() OVER (PARTITION BY k ORDER BY v) FROM small", ()),
    "grouping sets": ("SELECT k, id % 2, count(*) FROM small GROUP BY ROLLUP (k, id % 2)", ()),
    "set operation": ("SELECT k FROM small EXCEPT ALL SELECT g FROM big", ()),
    "unique": ("SELECT DISTINCT ON (k) * FROM small ORDER BY k, v", ()),
    "tid scan": ("SELECT * FROM big WHERE ctid = '(0,1)'", ()),
    "tid range": ("SELECT * FROM big WHERE ctid < '(1,0)'", ()),
    "sample": ("SELECT count(*) FROM big TABLESAMPLE system (10) REPEATABLE (1)", ()),
    "functions": (
        "SELECT *, generate_series(1, 2)"
        " FROM ROWS FROM (generate_series(1, 3), unnest('{4}'::int[])) q",
        (),
    ),
    "values": ("SELECT * FROM (VALUES (1), (2)) q(a) WHERE a > 1", ()),
    "never executed": ("SELECT * FROM small s JOIN big b ON s.id = b.id WHERE s.id > 1000", ()),
    "false": ("SELECT * FROM small WHERE false", ()),
    "lock rows": ("SELECT * FROM small WHERE id < 5 FOR UPDATE", ()),
    "insert with triggers": (
        "INSERT INTO small SELECT i, 1, 'n' FROM generate_series(200, 300) i RETURNING id",
        (),
    ),
    "insert on conflict": (
        "INSERT INTO small VALUES (1, 1, 'x')"
        " ON CONFLICT (id) DO UPDATE SET v = 'y' WHERE small.k > 0",
        (),
    ),
    "update with triggers": ("UPDATE small SET v = v || 'x'", ()),
    "delete with a cascade": ("DELETE FROM small WHERE id < 20", ()),
    "update of partitions": ("UPDATE parted SET k = k + 1 WHERE id < 1500", ()),
    "merge": (
        "MERGE INTO small t USING child c ON t.id = c.id WHEN MATCHED THEN UPDATE SET v = 'm'"
        " WHEN NOT MATCHED THEN INSERT VALUES (c.id, 0, 'i')",
        (),
    ),
    "writing cte": (
        "WITH d AS (DELETE FROM child RETURNING id), u AS (UPDATE small SET k = 1 RETURNING id)"
        " SELECT count(*) FROM d",
        (),
    ),
}


def file(major: int) -> Path:
    """Where the plans of a version are kept, one a line."""
    return Path(__file__).with_name(f"{major}.jsonl")


def main() -> None:
    """Run every query in a transaction of its own and keep what the server prints."""
    options = ["ANALYZE", "VERBOSE", "BUFFERS", "SETTINGS", "WAL", "FORMAT JSON"]
    with throwaway(MAJOR) as server, SyncConnection(server.create_database("golden")) as connection:
        for statement in _SETUP.split(";\n"):
            connection.execute(statement)
        lines = []
        for name, (query, settings) in QUERIES.items():
            connection.execute("BEGIN")
            for setting in settings:
                connection.execute(f"SET LOCAL {setting}")
            plan = connection.fetchval(f"EXPLAIN ({', '.join(options)}) {query}")
            connection.execute("ROLLBACK")
            (document,) = json.loads(plan)
            lines.append(json.dumps({"name": name, **document}, separators=(",", ":")))
    file(MAJOR).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
