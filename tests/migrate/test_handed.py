"""A revision whose operations index advice worked out: written, run, and taken back."""

import json

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.migrate.handed import write
from dbtool.migrate.project import open_project
from dbtool.settings.values import load
from tests.migrate.conftest import Run
from tests.migrate.projects import MAKO, Small

_INDEXES = """
SELECT relname || CASE WHEN indisvalid THEN '' ELSE ' invalid' END
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = 'many'::regclass
"""


def test_advice_becomes_a_revision_that_runs_both_ways(
    project: Small, run: Run, database: Target
) -> None:
    """What the planner was shown is built concurrently, under the same name."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE TABLE many AS SELECT g AS id, g % 900 AS k FROM generate_series(1, 20000) g"
        )
        connection.execute("ANALYZE many")
        ran = run("explain", "--advise", "--revision", "--json", "SELECT * FROM many WHERE k = 7")
        assert ran.code == 0, ran.err
        (proposal,) = json.loads(ran.out)["data"]["advice"]["proposals"]
        assert proposal["proof"] == "planned"
        (made,) = project.root.glob("migrations/versions/*_add_ix_many_k.py")
        assert 'op.create_index("ix_many_k", "many", ["k"]' in made.read_text()
        assert connection.fetch(_INDEXES) == []
        assert run("upgrade", "--yes").code == 0
        assert [row[0] for row in connection.fetch(_INDEXES)] == ["ix_many_k"]
        assert run("downgrade", "-1", "--yes").code == 0
        assert connection.fetch(_INDEXES) == []


def test_the_index_of_partitions_of_partitions(project: Small, run: Run, database: Target) -> None:
    """Each part's index is attached to the one above it, by the revision and by the SQL."""
    of_all = _INDEXES.replace("= 'many'::regclass", "IN (SELECT relid FROM pg_partition_tree('p'))")
    built = ["ix_p_k", "p1_ix_p_k", "p2_ix_p_k", "p3_ix_p_k"]
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE SCHEMA old; CREATE TABLE p (id int, k int) PARTITION BY RANGE (id);"
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9000);"
            "CREATE TABLE p2 PARTITION OF p DEFAULT PARTITION BY LIST (id);"
            "CREATE TABLE old.p3 PARTITION OF p2 DEFAULT;"
            "INSERT INTO p SELECT g, g % 900 FROM generate_series(1, 20000) g; ANALYZE"
        )
        ran = run("explain", "--advise", "--revision", "--json", "SELECT * FROM p WHERE k = 7")
        assert ran.code == 0, ran.err
        (proposal,) = json.loads(ran.out)["data"]["advice"]["proposals"]
        assert run("upgrade", "--yes").code == 0
        assert sorted(row[0] for row in connection.fetch(of_all)) == built
        assert run("downgrade", "-1", "--yes").code == 0
        assert connection.fetch(of_all) == []
        for statement in proposal["sql"]:
            connection.execute(statement)
        assert sorted(row[0] for row in connection.fetch(of_all)) == built


def test_an_index_of_partitions_takes_no_name_of_another_relation(
    run: Run, database: Target
) -> None:
    """A view, a sequence and a table have names that PostgreSQL gives no index then."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE SCHEMA old; CREATE TABLE p (id int, k int) PARTITION BY RANGE (id);"
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9000);"
            "CREATE TABLE old.p2 PARTITION OF p DEFAULT; CREATE VIEW ix_p_k AS SELECT 1;"
            "CREATE TABLE p1_ix_p_k_2 (); CREATE SEQUENCE old.p2_ix_p_k_2;"
            "INSERT INTO p SELECT g, g % 900 FROM generate_series(1, 20000) g; ANALYZE"
        )
        ran = run("explain", "--advise", "--json", "SELECT * FROM p WHERE k = 7")
        assert ran.code == 0, ran.err
        (proposal,) = json.loads(ran.out)["data"]["advice"]["proposals"]
        for statement in proposal["sql"]:
            connection.execute(statement)
        of_all = _INDEXES.replace(
            "= 'many'::regclass", "IN (SELECT relid FROM pg_partition_tree('p'))"
        )
        built = sorted(row[0] for row in connection.fetch(of_all))
        assert built == ["ix_p_k_2", "p1_ix_p_k_2_2", "p2_ix_p_k_2_2"]


def test_no_index_of_a_table_with_a_foreign_partition(
    project: Small, run: Run, database: Target
) -> None:
    """PostgreSQL would refuse it there, and leave that of the parent invalid."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
            "CREATE TABLE p (id int, k int) PARTITION BY RANGE (id);"
            "CREATE TABLE p1 PARTITION OF p DEFAULT PARTITION BY LIST (id);"
            "CREATE TABLE p2 PARTITION OF p1 DEFAULT;"
            "CREATE FOREIGN TABLE p3 PARTITION OF p1 FOR VALUES IN (-9) SERVER s;"
            "INSERT INTO p SELECT g, g % 900 FROM generate_series(1, 20000) g; ANALYZE p2"
        )
    ran = run("explain", "--advise", "--json", "SELECT * FROM p WHERE k = 7 AND id > 0")
    assert ran.code == 0, ran.err
    advice = json.loads(ran.out)["data"]["advice"]
    assert advice["proposals"] == []
    assert any(each.startswith("no index on p is proposed: ") for each in advice["notes"])


def test_a_template_without_a_place_is_told(
    project: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a template leaves code out, nobody is told that the revision has it."""
    project.write("migrations/script.py.mako", MAKO.replace("upgrades if upgrades else", ""))
    monkeypatch.chdir(project.root)
    opened = open_project(load(None, None, None), (), None, (), None)
    with pytest.raises(OperationError, match="its template left the operations out"):
        write(opened, "add", ["op.execute('SELECT 1')"], ["op.execute('SELECT 2')"])
